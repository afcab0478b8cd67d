"""Terminals' certificates: what is signed, what is kept of it, and what a broker's list says."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from foundation.database import Pool, transaction
from registry import certificates, credentials, ownership, terminals
from registry.authority import CRL_DAYS, Authority, Revocation
from registry.certificate_errors import (
    AuthorityThere,
    CertificateNotFound,
    NoAuthority,
    RequestUnusable,
    TerminalHasEnded,
)
from registry.certificates import RevocationReason
from registry.errors import TerminalNotFound
from registry.model import RegionRange, TerminalState
from registry.scope import RightMissing, Role, Scope
from tests.conftest import Database
from tests.country import HANGZHOU, everything, register
from tests.registry.requests import Key, request_of

NOW = datetime.now(UTC).replace(microsecond=0)
operator_js = Scope.of_role("user:o", Role.OPERATOR, region=RegionRange(320000, 329999))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A fresh one."""
    return Authority.make(tmp_path / "ca", NOW)


def revoked(database: Database) -> dict[str, str]:
    """What the broker's list would say: reason by serial."""
    with psycopg.connect(database.jobs) as conn:
        return dict(
            conn.execute("select serial, reason from registry.broker_revocation").fetchall()
        )


def test_a_certificate_names_its_terminal_and_is_good_for_a_client_only(
    authority: Authority,
) -> None:
    """The common name is the code, whatever else the request says; no authority, no server."""
    issued = authority.sign(request_of(None), "METER-1", now=NOW, lasting=timedelta(days=90))

    leaf = x509.load_pem_x509_certificate(issued.pem.encode())
    ca = x509.load_pem_x509_certificate(issued.authority_pem.encode())
    leaf.verify_directly_issued_by(ca)
    uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    [common_name] = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert (common_name.value, len(list(leaf.subject))) == ("METER-1", 1)
    assert list(uses) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert leaf.not_valid_after_utc == NOW + timedelta(days=90) == issued.draft.not_after
    assert int(issued.draft.serial, 16) == leaf.serial_number
    assert issued.draft.fingerprint == leaf.fingerprint(hashes.SHA256()).hex()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate,
        lambda: rsa.generate_private_key(65537, 2048),
    ],
    ids=["p384", "ed25519", "rsa2048"],
)
def test_keys_that_terminals_have_are_signed(authority: Authority, make: Callable[[], Key]) -> None:
    """Elliptic and RSA keys of today's sizes."""
    key = make()
    issued = authority.sign(request_of("M", key), "M", now=NOW, lasting=timedelta(days=1))

    leaf = x509.load_pem_x509_certificate(issued.pem.encode())
    assert leaf.public_key() == key.public_key()


@pytest.mark.parametrize(
    "make",
    [
        lambda: "",
        lambda: "not PEM",
        lambda: "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        lambda: request_of("METER-2"),
        lambda: request_of("METER-1", ec.generate_private_key(ec.SECP256K1())),
        lambda: request_of("METER-1", rsa.generate_private_key(65537, 1024)),
        lambda: request_of("METER-1", ed448.Ed448PrivateKey.generate()),
        lambda: "x" * 20_000,
        lambda: "\ud800",
    ],
    ids=["empty", "text", "broken", "other", "curve", "short", "kind", "long", "half a character"],
)
def test_what_is_no_request_of_this_terminal_is_not_signed(
    authority: Authority, make: Callable[[], str]
) -> None:
    """Neither another's name nor a weak or strange key; bad text is a sentence, not a fault."""
    with pytest.raises(RequestUnusable):
        authority.sign(make(), "METER-1", now=NOW, lasting=timedelta(days=1))


def test_a_request_that_does_not_prove_its_key_is_not_signed(authority: Authority) -> None:
    """Somebody else's public key under one's own signature gets no certificate."""
    honest = x509.load_pem_x509_csr(request_of("METER-1").encode())
    der = bytearray(honest.public_bytes(Encoding.DER))
    der[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(der))

    with pytest.raises(RequestUnusable):
        authority.sign(
            forged.public_bytes(Encoding.PEM).decode(),
            "METER-1",
            now=NOW,
            lasting=timedelta(days=1),
        )


def test_an_authority_is_made_once_and_its_key_is_nobody_elses(tmp_path: Path) -> None:
    """A second one would make all certificates worthless; the key's file is closed to others."""
    Authority.make(tmp_path / "ca", NOW)

    assert (tmp_path / "ca" / "ca.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(AuthorityThere):
        Authority.make(tmp_path / "ca", NOW)
    for nowhere in (None, tmp_path / "none"):
        with pytest.raises(NoAuthority):
            Authority.load(nowhere)


def test_the_list_is_signed_dated_and_gives_reasons(authority: Authority) -> None:
    """Each serial with when and why; in force for as long as a broker may be without a newer."""
    at = NOW - timedelta(hours=3)
    pem = authority.revoking(
        [Revocation("0a", at, "key_compromise"), Revocation("0b", at, "unspecified")],
        number=7,
        now=NOW,
    )

    crl = x509.load_pem_x509_crl(pem)
    key = x509.load_pem_x509_certificate(authority.pem.encode()).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert crl.is_signature_valid(key)
    assert crl.next_update_utc == NOW + timedelta(days=CRL_DAYS)
    first, second = (crl.get_revoked_certificate_by_serial_number(n) for n in (10, 11))
    assert first is not None
    assert second is not None
    reason = first.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert (reason, first.revocation_date_utc) == (x509.ReasonFlags.key_compromise, at)
    assert len(second.extensions) == 0


async def signed(pool: Pool, authority: Authority, code: str, scope: Scope = everything) -> str:
    """The serial of a fresh certificate of a terminal."""
    issued = authority.sign(request_of(code), code, now=NOW, lasting=timedelta(days=30))
    async with transaction(pool, scope.settings()) as conn:
        await certificates.record(conn, scope, code, issued.draft)
    return issued.draft.serial


async def test_certificates_are_recorded_listed_and_revoked_in_scope_only(
    pool: Pool, authority: Authority
) -> None:
    """An operator of one province issues and revokes for its own terminals, and sees no others."""
    await register(pool, "m-1")
    await register(pool, "m-2", region=HANGZHOU, group_client="power-zj")
    own = await signed(pool, authority, "m-1", operator_js)
    foreign = await signed(pool, authority, "m-2")

    with pytest.raises(TerminalNotFound):
        await signed(pool, authority, "m-2", operator_js)
    async with transaction(pool, operator_js.settings()) as conn:
        listed = await certificates.list_page(conn, operator_js)
        for refused in (
            certificates.revoke(conn, operator_js, "m-2", foreign),
            certificates.find(conn, operator_js, "m-2", foreign),
            certificates.find(conn, operator_js, "m-1", foreign),
        ):
            with pytest.raises(CertificateNotFound):
                await refused
        await certificates.revoke(
            conn, operator_js, "m-1", own.upper(), RevocationReason.KEY_COMPROMISE
        )
        found = await certificates.find(conn, operator_js, "m-1", own)
        with pytest.raises(CertificateNotFound):
            await certificates.revoke(conn, operator_js, "m-1", own, RevocationReason.SUPERSEDED)

    assert [one.serial for one in listed.items] == [own]
    assert found.revoked_at is not None
    assert found.reason is RevocationReason.KEY_COMPROMISE


async def test_who_lacks_the_right_issues_and_revokes_nothing(
    pool: Pool, authority: Authority
) -> None:
    """A viewer sees certificates and gives none, takes none."""
    await register(pool, "m-1")
    serial = await signed(pool, authority, "m-1")
    viewer = Scope.of_role("user:s", Role.SUPERVISOR, region=RegionRange(320000, 329999))

    with pytest.raises(RightMissing):
        await signed(pool, authority, "m-1", viewer)
    async with transaction(pool, viewer.settings()) as conn:
        for refused in (
            certificates.revoke(conn, viewer, "m-1", serial),
            credentials.cut_off(conn, viewer, "m-1"),
        ):
            with pytest.raises(RightMissing):
                await refused
        assert (await certificates.find(conn, viewer, "m-1", serial)).revoked_at is None


async def test_lists_page_by_key(pool: Pool, authority: Authority) -> None:
    """Of one terminal the newest first, of all what ends first before; every one exactly once."""
    await register(pool, "m-1", "m-2")
    serials = [await signed(pool, authority, code) for code in ("m-1", "m-2", "m-1", "m-1")]

    async def walked(code: str | None) -> list[str]:
        seen: list[str] = []
        after: str | None = None
        async with transaction(pool, everything.settings()) as conn:
            while True:
                page = (
                    await certificates.list_page(conn, everything, after=after, limit=1)
                    if code is None
                    else await certificates.list_of(conn, everything, code, after=after, limit=1)
                )
                seen += [one.serial for one in page.items]
                if (after := page.next_key) is None:
                    return seen

    assert await walked("m-1") == [serials[3], serials[2], serials[0]]
    assert await walked(None) == serials


async def test_cutting_off_takes_password_and_certificates(
    pool: Pool, database: Database, authority: Authority
) -> None:
    """One verb for everything that lets a terminal in; nothing of another terminal is touched."""
    await register(pool, "m-1", "m-2")
    gone, kept = await signed(pool, authority, "m-1"), await signed(pool, authority, "m-2")

    async with transaction(pool, everything.settings()) as conn:
        await credentials.cut_off(conn, everything, "m-1", RevocationReason.PRIVILEGE_WITHDRAWN)
        standing = await credentials.find(conn, everything, "m-1")
        other = await certificates.find(conn, everything, "m-2", kept)

    assert standing.revoked_at is not None
    assert other.revoked_at is None
    assert revoked(database) == {gone: "privilege_withdrawn"}


async def test_a_retired_terminal_has_no_certificate_and_gets_none(
    pool: Pool, database: Database, authority: Authority
) -> None:
    """Retiring revokes what there is; a new one is refused."""
    await register(pool, "m-1")
    serial = await signed(pool, authority, "m-1")

    async with transaction(pool, everything.settings()) as conn:
        await terminals.retire(conn, everything, "m-1")

    assert revoked(database) == {serial: "cessation_of_operation"}
    with pytest.raises(TerminalHasEnded):
        await signed(pool, authority, "m-1")


async def test_certificates_of_who_may_not_connect_are_on_hold(
    pool: Pool, database: Database, authority: Authority
) -> None:
    """Until a registered terminal is provisioned its certificate is listed; an isolated one's is
    not, for it may connect to be heard."""
    await register(pool, "m-1", state=TerminalState.REGISTERED)
    serial = await signed(pool, authority, "m-1")
    before = revoked(database)
    async with transaction(pool, everything.settings()) as conn:
        await terminals.move_to(conn, everything, "m-1", TerminalState.TESTING)
        await terminals.move_to(conn, everything, "m-1", TerminalState.ISOLATED, reason="cloned")

    assert before == {serial: "certificate_hold"}
    assert revoked(database) == {}


async def test_one_of_two_certificates_leaves_the_other(
    pool: Pool, database: Database, authority: Authority
) -> None:
    """Renewal: the old one is revoked, and the new one is not."""
    await register(pool, "m-1")
    old = await signed(pool, authority, "m-1")
    await signed(pool, authority, "m-1")

    async with transaction(pool, everything.settings()) as conn:
        await certificates.revoke(conn, everything, "m-1", old, RevocationReason.SUPERSEDED)

    assert revoked(database) == {old: "superseded"}


async def test_a_terminal_that_changes_hands_takes_no_certificate_along(
    pool: Pool, database: Database, authority: Authority
) -> None:
    """The former owner's devices are cut off, with the password and the certificates."""
    await register(pool, "m-1")
    serial = await signed(pool, authority, "m-1")

    async with transaction(pool, everything.settings()) as conn:
        await ownership.transfer(conn, everything, "m-1", "power-zj")
        standing = await credentials.find(conn, everything, "m-1")

    assert revoked(database) == {serial: "privilege_withdrawn"}
    assert standing.revoked_at is not None
