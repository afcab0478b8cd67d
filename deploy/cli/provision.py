"""`muster provision`: files checked row by row, then applied; and one of them taken back."""

import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli import door
from deploy.cli.door import Door
from foundation import settings
from foundation.errors import Invalid, MusterError, Refused

app = typer.Typer()

_POLL_SECONDS = 0.5
_SHOWN_ROWS = 20
_OVER = ("done", "failed", "cancelled")


class FileUnreadable(Invalid):
    """The file cannot be read."""

    code = "file_unreadable"
    remedy = "docs/reference/file-formats.md says what a file must look like."


class RowsWrong(Refused):
    """Some rows of the file are wrong."""

    code = "rows_wrong"
    remedy = "Mend them in the verdict file (--verdicts FILE) and send it again."


class RowsStay(Refused):
    """Some of what the file made could not be taken back."""

    code = "rows_stay"
    remedy = "Something happened to them since: move or retire them one by one."


class JobFailed(MusterError):
    """The job ended before its time."""

    code = "job_failed"
    remedy = "The log of the jobs process says why; what was applied before can be undone."


@app.command()
def provision(
    file: Annotated[
        Path | None, typer.Argument(help="CSV, XLSX or NDJSON.", dir_okay=False, exists=True)
    ] = None,
    kind: Annotated[
        str, typer.Option(help="What rows are; also sims, bindings, clients, assignments.")
    ] = "terminals",
    apply: Annotated[
        bool, typer.Option("--apply/--dry-run", help="Apply it, or only say what would happen.")
    ] = False,
    all_or_nothing: Annotated[
        bool, typer.Option("--all-or-nothing", help="One wrong row, and nothing is applied.")
    ] = False,
    client: Annotated[str | None, typer.Option(help="Owner, where a row names none.")] = None,
    region: Annotated[str | None, typer.Option(help="Region, where a row names none.")] = None,
    profile: Annotated[str | None, typer.Option(help="Profile, where a row names none.")] = None,
    order_ref: Annotated[str | None, typer.Option(help="The order under which they come.")] = None,
    default: Annotated[
        list[str] | None, typer.Option(help="column:value, where a cell is blank; repeatable.")
    ] = None,
    verdicts: Annotated[
        Path | None, typer.Option(help="Write the file with a verdict beside each row here.")
    ] = None,
    passwords: Annotated[
        Path | None, typer.Option(help="Write the passwords here (0600); they are handed out once.")
    ] = None,
    undo: Annotated[
        int | None, typer.Option(metavar="IMPORT", help="Take back what that import made.")
    ] = None,
    api: Annotated[str | None, typer.Option(help="Address of the API; default the home's.")] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="File with the API key; default the home's.")
    ] = None,
    home: Annotated[Path | None, typer.Option(help="Home of the platform.")] = None,
) -> None:
    """Check a file row by row and, with --apply, put what is right in it on the roll.

    Exits 0 when every row is right, 3 when some are wrong, 2 when the file cannot be read. With
    --undo NUMBER in place of a file, 0 when all is taken back and 3 when some of it stays.
    """
    if (file is None) == (undo is None):
        raise Invalid("Name a file, or an import with --undo.", field="file")
    if undo is not None:
        _take_back(_entrance(api, key_file, home), undo)
        return
    assert file is not None
    if passwords is not None and passwords.exists():
        raise Invalid(f"{passwords} is there already.", field="passwords")
    entrance = _entrance(api, key_file, home)
    named = {"group_client": client, "region": region, "profile": profile}
    defaults = [*(default or ()), *(f"{n}:{value}" for n, value in named.items() if value)]
    query = {"kind": kind, "name": file.name}
    query |= {"order_ref": order_ref} if order_ref else {}
    query |= {"defaults": ",".join(defaults)} if defaults else {}
    found = _followed(entrance, entrance.send("imports", file, **query), "checked")
    if found["problem"] is not None:
        raise FileUnreadable(found["problem"]["detail"])
    number, right = found["id"], found["rows"] - found["wrong"]
    print(f"{found['wrong']:,} of {found['rows']:,} rows will fail.")
    print(f"  {right - found['known']:,} new, {found['known']:,} on the roll already,"
          f" {found['warned']:,} with a warning (import {number})")  # fmt: skip
    if apply and right and not (all_or_nothing and found["wrong"]):
        entrance.post(f"imports/{number}/application", {"whole": all_or_nothing})
        found = _followed(entrance, found, "applied")
        print(f"{found['created']:,} rows applied, {found['unchanged']:,} unchanged,"
              f" {found['wrong']:,} left out.")  # fmt: skip
    _show_wrong(entrance, found)
    if verdicts is not None:
        with verdicts.open("wb") as into:
            entrance.fetch(f"imports/{number}/verdicts", into, format="csv")
        print(f"Verdicts are in {verdicts}.")
    if passwords is not None and found["passwords_until"] is not None:
        handle = os.open(passwords, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as into:
            entrance.fetch(f"imports/{number}/passwords", into, method="POST")
        print(f"Passwords are in {passwords}: nobody can show them again.")
    if found["problem"] is not None and found["problem"]["code"] != "rows_wrong":
        raise JobFailed(found["problem"]["detail"])
    if found["wrong"]:
        raise RowsWrong(f"{found['wrong']:,} rows are wrong.")


def _take_back(entrance: Door, number: int) -> None:
    """Undo an import, and say what stays and why."""
    before = entrance.get(f"imports/{number}")
    entrance.post(f"imports/{number}/undoing")
    found = _followed(entrance, before, "undone")
    taken = found["undone"] - before["undone"]
    print(f"{taken:,} rows taken back, {found['kept']:,} stay (import {number}).")
    if found["job"]["state"] != "done":
        raise JobFailed(found["problem"]["detail"] if found["problem"] else "The undo failed.")
    if not found["kept"]:
        return
    page = entrance.get(f"imports/{number}/rows", only="kept", limit=str(_SHOWN_ROWS))
    for row in page["items"]:
        print(f"row {row['row']:>7}  {next(iter(row['cells'].values()), '')}  {row['kept']}")
    raise RowsStay(f"{found['kept']:,} rows stay.")


def _entrance(api: str | None, key_file: Path | None, home: Path | None) -> Door:
    if api is None:
        return Door.of(door.home_at(home, settings.load()))
    if key_file is None:
        raise Invalid("With --api, --key-file names the file with its key.", field="key_file")
    return Door(api.rstrip("/"), key_file.read_text("utf-8").strip())


def _followed(entrance: Door, found: dict[str, Any], deed: str) -> dict[str, Any]:
    """The import when its job is over, with the progress on the way there."""
    shown = sys.stderr.isatty()
    while True:
        found = entrance.get(f"imports/{found['id']}")
        job = found["job"]
        if shown:
            share = job["done"] / job["total"] if job["total"] else 0
            unit = "bytes" if job["kind"] == "import.check" else "rows"
            speed = f", {job['per_second']:,.0f} {unit}/s" if job["per_second"] else ""
            left = f", {job['seconds_left']:,.0f} s left" if job["seconds_left"] else ""
            print(f"\r{min(share, 1):6.1%} {deed}{speed}{left}   ", end="", file=sys.stderr)
        if job["state"] in _OVER:
            if shown:
                print(file=sys.stderr)
            return found
        time.sleep(_POLL_SECONDS)


def _show_wrong(entrance: Door, found: dict[str, Any]) -> None:
    """The first wrong rows, one finding a line."""
    if not found["wrong"]:
        return
    page = entrance.get(f"imports/{found['id']}/rows", only="wrong", limit=str(_SHOWN_ROWS))
    for row in page["items"]:
        for told in row["findings"]:
            if told["severity"] == "error":
                print(f"row {row['row']:>7}  {told['column'] or '-':<12}  {told['detail']}")
    if page["next"] is not None:
        print(f"... and more; --verdicts FILE has all {found['wrong']:,}.")
