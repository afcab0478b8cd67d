"""The door of the `muster` command: finds the module of a command, and turns errors into words.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by the state of things.
"""

import errno
import importlib
import sys
import traceback
from typing import NoReturn

import typer

from foundation.errors import Invalid, MusterError, Refused

# Which module of deploy.cli holds which commands; only the one that is asked for is imported.
COMMANDS = {
    "up": "stack",
    "status": "stack",
    "down": "stack",
    "test": "checks",
    "terminal": "terminals",
    "publish": "terminals",
    "decode": "decoding",
    "audit": "audit",
    "rollups": "rollups",
    "storage": "storage",
    "provision": "provision",
    "user": "people",
    "key": "people",
    "ca": "authority",
    "accounts": "accounts",
    "migrate": "processes",
    "bridge": "processes",
    "api": "processes",
    "jobs": "processes",
    "openapi": "processes",
    "asyncapi": "processes",
    "doctor": "processes",
    "simulate": "simulate",
    "bench": "bench",
}


def main() -> NoReturn:
    """Run the command that was typed and exit with its code."""
    try:
        _application(sys.argv[1:])(prog_name="muster")
        sys.exit(0)
    except MusterError as error:
        _complain(str(error), error.hint)
        sys.exit(exit_code(error))
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        _complain(
            f"The disk is full ({error.filename or error}).", "Free some space and try again."
        )
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the one catch-all of this process
        if "--debug" in sys.argv:
            traceback.print_exc()
        _complain(
            f"Something unforeseen went wrong: {type(error).__name__}: {error}.",
            "Please report it, with what `muster --debug ...` prints for the same command.",
        )
        sys.exit(1)


def exit_code(error: MusterError) -> int:
    """2 for input that is wrong in itself, 3 for a state that refuses, 1 for the rest."""
    if isinstance(error, Invalid):
        return 2
    return 3 if isinstance(error, Refused) else 1


def _application(arguments: list[str]) -> typer.Typer:
    named = next((one for one in arguments if not one.startswith("-")), None)
    modules = [COMMANDS[named]] if named in COMMANDS else sorted(set(COMMANDS.values()))
    application = typer.Typer(
        help="Device management for a mobile operator's M2M terminals.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    application.callback()(_whole)
    for module in modules:
        application.add_typer(importlib.import_module(f"deploy.cli.{module}").app)
    return application


def _whole(
    debug: bool = typer.Option(False, "--debug", help="Show a traceback for unforeseen errors."),
) -> None:
    """Device management for a mobile operator's M2M terminals."""


def _complain(sentence: str, remedy: str) -> None:
    print(f"muster: {sentence}\n        {remedy}", file=sys.stderr)
