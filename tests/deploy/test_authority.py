"""`muster ca`: from a request to a certificate, its list and its end."""

import asyncio
import os
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from typer.testing import CliRunner

from deploy.cli.authority import app
from foundation.errors import MusterError
from registry.certificate_errors import (
    AuthorityThere,
    CertificateNotFound,
    NoAuthority,
    RequestUnusable,
)
from registry.errors import TerminalNotFound
from tests.conftest import Database
from tests.country import register, settled
from tests.registry.requests import request_of


@pytest.fixture
def country(database: Database) -> Database:
    """The database of a small country, with terminals `m-1` and `m-2`."""

    async def settle() -> None:
        async with settled(database) as pool:
            await register(pool, "m-1", "m-2")

    asyncio.run(settle())
    return database


def run(dsn: str, ca: Path, *arguments: str) -> str:
    """What a command prints; raises what it refuses with."""
    environment = {"MUSTER_DATABASE_URL": dsn, "MUSTER_TERMINAL_CA": str(ca)}
    done = CliRunner().invoke(app, ["ca", *arguments], env=environment)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_certificate_from_its_request_to_its_end(country: Database, tmp_path: Path) -> None:
    """Signed, listed, revoked, on the signed list, and told in the audit."""
    ca = tmp_path / "ca"
    (tmp_path / "m.csr").write_text(request_of("m-1"))

    run(country.api, ca, "init")
    pem = run(country.api, ca, "issue", "m-1", "--csr", str(tmp_path / "m.csr"), "--days", "3")
    leaf = x509.load_pem_x509_certificate(pem.encode())
    serial = f"{leaf.serial_number:x}"
    in_force = run(country.api, ca, "list")
    run(country.api, ca, "revoke", "m-1", serial, "--reason", "superseded")
    after, whole = run(country.api, ca, "list"), run(country.api, ca, "list", "--terminal", "m-1")
    run(country.jobs, ca, "crl", "--out", str(tmp_path / "crl.pem"))

    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate((ca / "ca.pem").read_bytes()))
    assert (serial in in_force, serial in after, "superseded" in whole) == (True, False, True)
    crl = x509.load_pem_x509_crl((tmp_path / "crl.pem").read_bytes())
    assert [one.serial_number for one in crl] == [leaf.serial_number]
    with psycopg.connect(country.superuser) as conn:
        told = conn.execute(
            "select action, actor from registry.audit where action like 'certificate.%' order by id"
        ).fetchall()
    shell = f"system:shell of uid {os.getuid()}"
    assert told == [("certificate.insert", shell), ("certificate.update", shell)]


def test_a_key_is_made_for_a_device_that_cannot(country: Database, tmp_path: Path) -> None:
    """In a file that is nobody else's; the certificate goes where it is told to."""
    ca, key, out = tmp_path / "ca", tmp_path / "key", tmp_path / "pem"
    run(country.api, ca, "init")

    printed = run(country.api, ca, "issue", "m-2", "--key-out", str(key), "--out", str(out))

    assert "BEGIN" not in printed
    assert key.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE KEY" in key.read_text()
    x509.load_pem_x509_certificate(out.read_bytes())


def test_what_cannot_be_is_refused(country: Database, tmp_path: Path) -> None:
    """No authority yet, a second one, another's request, a stranger, a certificate that is none."""
    ca, csr = tmp_path / "ca", tmp_path / "m.csr"
    csr.write_text(request_of("m-1"))
    refusals: list[tuple[type[MusterError], tuple[str, ...]]] = [
        (AuthorityThere, ("init",)),
        (RequestUnusable, ("issue", "m-2", "--csr", str(csr))),
        (TerminalNotFound, ("issue", "m-9", "--key-out", str(tmp_path / "k"))),
        (CertificateNotFound, ("revoke", "m-1", "c0ffee")),
    ]

    with pytest.raises(NoAuthority):
        run(country.api, ca, "issue", "m-1", "--csr", str(csr))
    run(country.api, ca, "init")
    for error, arguments in refusals:
        with pytest.raises(error):
            run(country.api, ca, *arguments)
