"""`muster ca`: the small authority that signs terminals' certificates, from the command line."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from deploy.cli import acting, door
from deploy.cli.acting import HomeOption, day
from deploy.embedded import revocations
from foundation import settings
from foundation.certificates import PEM, days, name, write_key
from foundation.database import Connection
from registry import certificates
from registry.authority import DEFAULT_DAYS, MOST_DAYS, Authority
from registry.certificates import Certificate, RevocationReason
from registry.scope import Scope

app = typer.Typer()
ca = typer.Typer(no_args_is_help=True, help="Certificates of terminals, and who signs them.")
app.add_typer(ca, name="ca")

_PAGE_ROWS = 500

Code = Annotated[str, typer.Argument(help="Code of the terminal.")]


@ca.command()
def init(
    directory: Annotated[
        Path | None, typer.Argument(help="Default: MUSTER_TERMINAL_CA, else ca/ in the home.")
    ] = None,
) -> None:
    """Make an authority, once: its certificate, and a key that is nobody else's (0600)."""
    place = directory or _directory(None)
    Authority.make(place, datetime.now(UTC))
    print(f"The authority is in {place}. Keep a copy of ca.key where nobody reads it, and name the")
    print("directory in MUSTER_TERMINAL_CA of the API and of `muster accounts`.")


@ca.command()
def issue(
    code: Code,
    csr: Annotated[
        Path | None, typer.Option(help="The terminal's request; - is standard input.")
    ] = None,
    key_out: Annotated[
        Path | None, typer.Option(help="Make a key here instead, for a device that cannot.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the certificate goes.")] = None,
    lasting: Annotated[
        int, typer.Option("--days", min=1, max=MOST_DAYS, help="How long it is in force.")
    ] = DEFAULT_DAYS,
    home: HomeOption = None,
) -> None:
    """Sign a certificate for a terminal and print it; earlier ones stay in force."""
    if (csr is None) == (key_out is None):
        raise typer.BadParameter("give one of the two", param_hint="--csr, --key-out")
    request = _read(csr) if csr else _request(code, key_out) if key_out else ""
    authority = Authority.load(_directory(home))
    issued = authority.sign(request, code, now=datetime.now(UTC), lasting=days(lasting))
    acting.do(home, lambda conn, scope: certificates.record(conn, scope, code, issued.draft))
    if out is None:
        print(issued.pem, end="")
    else:
        out.write_text(issued.pem, "utf-8")
    told = f"{issued.draft.serial} of {code}, until {day(issued.draft.not_after)}"
    print(f"Certificate {told}.", file=sys.stderr)


@ca.command()
def revoke(
    code: Code,
    serial: Annotated[str, typer.Argument(help="The certificate's number, as `list` shows it.")],
    reason: Annotated[
        RevocationReason, typer.Option(help="Why, in the words of RFC 5280.")
    ] = RevocationReason.UNSPECIFIED,
    home: HomeOption = None,
) -> None:
    """Take a certificate out of force for good; who uses it is cut off within 5 seconds."""
    acting.do(home, lambda conn, scope: certificates.revoke(conn, scope, code, serial, reason))
    print(f"The certificate {serial} of {code} lets nobody in any more.")


@ca.command("list")
def list_certificates(
    terminal: Annotated[
        str | None, typer.Option(help="Of this terminal, with those of old.")
    ] = None,
    revoked: Annotated[bool, typer.Option("--all", help="Also those that were revoked.")] = False,
    home: HomeOption = None,
) -> None:
    """Certificates that have not ended, those that end first before."""

    async def read(conn: Connection, scope: Scope) -> list[Certificate]:
        found: list[Certificate] = []
        after: str | None = None
        while True:
            if terminal is None:
                page = await certificates.list_page(
                    conn,
                    scope,
                    revoked=None if revoked else False,
                    after=after,
                    limit=_PAGE_ROWS,
                )
            else:
                page = await certificates.list_of(
                    conn, scope, terminal, after=after, limit=_PAGE_ROWS
                )
            found += page.items
            if (after := page.next_key) is None:
                return found

    rows = [
        (one.code, one.serial, day(one.issued_at), day(one.not_after), _standing(one))
        for one in acting.do(home, read)
    ]
    acting.table(("terminal", "serial", "issued", "until", "standing"), rows)


@ca.command()
def crl(
    out: Annotated[
        Path | None, typer.Option(help="Where the list goes; default: print it.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Sign the list of revoked certificates now, for a broker without `muster accounts`.

    Needs MUSTER_DATABASE_URL of the role muster_jobs, or a running home.
    """
    authority = Authority.load(_directory(home))
    with psycopg.connect(acting.dsn(home, "muster_jobs")) as connection:
        lines = [one.line for one in revocations.read(connection, admitting=True)]
    now = datetime.now(UTC).replace(microsecond=0)
    pem = authority.revoking(lines, number=int(now.timestamp()), now=now)
    if out is None:
        print(pem.decode(), end="")
        return
    fresh = out.with_suffix(".new")
    fresh.write_bytes(pem)
    fresh.rename(out)
    print(f"{len(lines)} certificates are on the list in {out}.")


def _directory(home: Path | None) -> Path:
    chosen = settings.load()
    return chosen.terminal_ca or door.home_at(home, chosen).authority


def _read(csr: Path) -> str:
    return sys.stdin.read() if str(csr) == "-" else csr.read_text("utf-8", "replace")


def _request(code: str, key_out: Path) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    write_key(key_out, key)
    made = x509.CertificateSigningRequestBuilder().subject_name(name(code))
    return made.sign(key, hashes.SHA256()).public_bytes(PEM).decode()


def _standing(one: Certificate) -> str:
    if one.revoked_at is None:
        return "in force"
    return f"revoked {day(one.revoked_at)}: {one.reason}"
