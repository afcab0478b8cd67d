"""X.509 as every part of the house makes it: keys, authorities, what a leaf begins with."""

import datetime
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

_AUTHORITY_DAYS = 3650
_BEHIND = datetime.timedelta(hours=1)  # clocks of clients that are behind
PEM = serialization.Encoding.PEM


def name(common_name: str) -> x509.Name:
    """A name of nothing but its common name, cut to the 64 characters that there may be."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def make_authority(directory: Path, common_name: str, now: datetime.datetime) -> None:
    """A new authority: `ca.key` (0600), then `ca.pem`, so that a half made one is made anew."""
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    subject = name(common_name)
    certificate = (
        builder(subject, subject, key.public_key(), now, now + days(_AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_key(directory / "ca.key", key)
    (directory / "ca.pem").write_bytes(certificate.public_bytes(PEM))


def builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: CertificatePublicKeyTypes,
    now: datetime.datetime,
    until: datetime.datetime,
) -> x509.CertificateBuilder:
    """A certificate to be completed, with a random number, in force until that instant."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEHIND)
        .not_valid_after(until)
    )


def days(count: float) -> datetime.timedelta:
    """So many days."""
    return datetime.timedelta(days=count)


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """The key in a file that was never open to anybody else."""
    with open(path, "wb", opener=_only_ours) as file:
        file.write(private_pem(key))


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key as PEM, unencrypted."""
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _only_ours(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
