"""`muster test`: everything that CI checks, on this machine, with the real parts."""

import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import typer

import deploy
from deploy.embedded import check_packages, check_tools, runtime
from deploy.embedded.progress import Progress
from foundation.errors import MusterError

app = typer.Typer()

_CHECKOUT = Path(deploy.__file__).resolve().parent.parent
_TOOLS = {
    "format": ["ruff", "format", "--check", ".", "muster"],
    "lint": ["ruff", "check", ".", "muster"],
    "types": ["mypy"],
    "imports": ["lint-imports"],
}
_NOTHING_COLLECTED = 5  # pytest's exit code


class ToolsMissing(MusterError):
    """The tools of the checks are not installed."""

    code = "tools_missing"
    remedy = "Run it as `./muster test`, which installs them first."


@app.command("test", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def check(context: typer.Context) -> None:
    """Run every check: format, lint, types, import contracts, tests; ARGS go to pytest."""
    progress = Progress()
    runtime.ensure(progress=progress)
    tools = check_tools.ensure(progress=progress)
    check_packages.ensure(_CHECKOUT, progress=progress)
    outcomes = {name: _passes(name, command) for name, command in _TOOLS.items()}
    outcomes["tests"] = _tests_pass(context.args, tools.environment())
    told = ", ".join(f"{name} {'ok' if ok else 'FAILED'}" for name, ok in outcomes.items())
    print(f"muster test: {told}")
    raise typer.Exit(0 if all(outcomes.values()) else 1)


def _passes(name: str, command: list[str]) -> bool:
    return _run(name, command) == 0


def _tests_pass(arguments: list[str], settings: dict[str, str]) -> bool:
    spread = [] if any(one.startswith(("-n", "--pdb")) for one in arguments) else ["-n", "auto"]
    code = _run("tests", ["pytest", *spread, *arguments], settings)
    if code == _NOTHING_COLLECTED:
        print("No test was found: do the arguments name any?", file=sys.stderr)
    return code == 0


def _run(name: str, command: list[str], settings: dict[str, str] | None = None) -> int:
    """Run a tool of the environment in the checkout, its words going to ours."""
    tool = Path(sysconfig.get_path("scripts")) / command[0]
    if not tool.exists():
        raise ToolsMissing(f"{command[0]}, which checks {name}, is not installed.")
    print(f"== {name}: {' '.join(command)}", flush=True)
    begun = time.monotonic()
    # Hundreds of processes are started: none of them is to compile its modules anew.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""} | (settings or {})
    done = subprocess.run([tool, *command[1:]], cwd=_CHECKOUT, env=environment, check=False)
    code = done.returncode
    print(f"== {name}: exit {code} after {time.monotonic() - begun:.1f} s", flush=True)
    return code
