"""The authority that signs terminals' certificates, and its list of those that count no more.

A certificate names its terminal (the common name is the code) and is good for nothing but being a
client. Only a terminal's request is signed: its key never leaves it.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from foundation.certificates import PEM, builder, days, make_authority, name
from registry.certificate_errors import AuthorityThere, NoAuthority, RequestUnusable
from registry.certificates import Draft

DEFAULT_DAYS = 90
MOST_DAYS = 397
LONGEST_REQUEST = 16_384
CRL_DAYS = 7
"""How long a list is good: a broker that gets no newer one then lets nobody in."""

_CURVES = (ec.SECP256R1, ec.SECP384R1)
_RSA_BITS = range(2048, 4097)
_FLAGS = {
    "key_compromise": x509.ReasonFlags.key_compromise,
    "superseded": x509.ReasonFlags.superseded,
    "cessation_of_operation": x509.ReasonFlags.cessation_of_operation,
    "privilege_withdrawn": x509.ReasonFlags.privilege_withdrawn,
    "certificate_hold": x509.ReasonFlags.certificate_hold,
}  # RFC 5280 wants "unspecified" left out


@dataclass(frozen=True, slots=True)
class Revocation:
    """A line of the list."""

    serial: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate as PEM, that of its authority, and what the registry keeps of it."""

    pem: str
    authority_pem: str
    draft: Draft


class Authority:
    """A certificate and its key in a directory: `ca.pem`, and `ca.key` of mode 0600."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key
        self._identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())

    @classmethod
    def make(cls, directory: Path, now: datetime) -> Self:
        """A new one; AuthorityThere where there is one."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (directory / "ca.pem").exists():
            raise AuthorityThere(f"There is an authority in {directory} already.")
        make_authority(directory, f"Muster terminals {socket.gethostname()}", now)
        return cls.load(directory)

    @classmethod
    def load(cls, directory: Path | None) -> Self:
        """The one in that directory; NoAuthority where there is none that can be used."""
        if directory is None:
            raise NoAuthority
        try:
            certificate = x509.load_pem_x509_certificate((directory / "ca.pem").read_bytes())
            key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), None)
        except (OSError, ValueError) as error:
            raise NoAuthority(f"The authority in {directory} cannot be read ({error}).") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise NoAuthority(f"The key in {directory} is not one that `muster ca init` makes.")
        return cls(certificate, key)

    @property
    def pem(self) -> str:
        """Its certificate."""
        return self._certificate.public_bytes(PEM).decode()

    def sign(self, csr: str, code: str, *, now: datetime, lasting: timedelta) -> Issued:
        """A certificate of terminal `code` for the key of its request; RequestUnusable if not.

        Of the request nothing but the key is taken, and a name in it has to be the terminal's.
        """
        request = _request(csr)
        names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if [one.value for one in names] not in ([], [code]):
            raise RequestUnusable(f"The request is not one of {code}: its common name differs.")
        until = min(now + lasting, self._certificate.not_valid_after_utc)
        certificate = self._complete(
            builder(name(code), self._certificate.subject, request.public_key(), now, until)
        )
        return Issued(certificate.public_bytes(PEM).decode(), self.pem, _draft(certificate))

    def _complete(self, begun: x509.CertificateBuilder) -> x509.Certificate:
        usage = x509.KeyUsage(
            digital_signature=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, key_cert_sign=False, crl_sign=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        return (
            begun.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(self._identifier, critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def revoking(self, revocations: Iterable[Revocation], *, number: int, now: datetime) -> bytes:
        """The list (CRL, RFC 5280) as PEM, signed now; of two lists the later `now` counts."""
        listed = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(now)
            .next_update(now + days(CRL_DAYS))
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(self._identifier, critical=False)
        )
        for one in revocations:
            line = (
                x509.RevokedCertificateBuilder()
                .serial_number(int(one.serial, 16))
                .revocation_date(one.at)
            )
            if one.reason in _FLAGS:
                line = line.add_extension(x509.CRLReason(_FLAGS[one.reason]), critical=False)
            listed = listed.add_revoked_certificate(line.build())
        return listed.sign(self._key, hashes.SHA256()).public_bytes(PEM)


def _request(csr: str) -> x509.CertificateSigningRequest:
    """A request whose signature proves that its sender has the key, of a kind that we sign."""
    if len(csr) > LONGEST_REQUEST:
        raise RequestUnusable(f"A request has at most {LONGEST_REQUEST} characters.")
    try:
        request = x509.load_pem_x509_csr(csr.encode())
        key = request.public_key()
        proven = request.is_signature_valid
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        raise RequestUnusable("This is no certificate request in PEM.") from None
    if not proven:
        raise RequestUnusable("The request is not signed with the key that it names.")
    fits = (
        isinstance(key, ed25519.Ed25519PublicKey)
        or (isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA_BITS)
        or (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES))
    )
    if not fits:
        raise RequestUnusable("The request's key is of a kind or size that is not signed.")
    return request


def _draft(certificate: x509.Certificate) -> Draft:
    return Draft(
        serial=f"{certificate.serial_number:x}",
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
