"""`python -m deploy.cli`: the `muster` command in an environment that is already set up."""

from deploy.cli.app import main

if __name__ == "__main__":
    main()
