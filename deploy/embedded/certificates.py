"""TLS made on the spot for `--listen` and `--broker-listen`: a CA of this home, and its leaf.

Browsers and terminals trust `ca.pem` once; the leaf is renewed at a start when it nears its end or
the machine's addresses changed.
"""

import datetime
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CA_DAYS = 3650
_LEAF_DAYS = 397  # the longest that browsers accept
_RENEW_DAYS = 30


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: the CA to trust, the server's chain and its key."""

    ca: Path
    chain: Path
    key: Path


def ensure(directory: Path, hosts: Sequence[str], now: datetime.datetime) -> Certificates:
    """Certificates for `hosts` and every address of this machine, made or renewed if need be."""
    made = Certificates(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    names = _names(hosts)
    if not made.ca.exists() or not (directory / "ca.key").exists():
        _make_ca(directory, now)
    if not made.chain.exists() or not _serves(made.chain, names, now):
        _make_leaf(directory, made, names, now)
    return made


def _names(given: Sequence[str]) -> list[x509.GeneralName]:
    """What clients may call this machine."""
    addresses = {"127.0.0.1", "::1"}
    hosts = {"localhost", socket.gethostname()}
    for host in given:
        try:
            addresses.add(str(ipaddress.ip_address(host)))
        except ValueError:
            hosts.add(host)
    try:
        found = socket.getaddrinfo(socket.gethostname(), None)
    except socket.gaierror:
        found = []
    addresses |= {str(one[4][0]).partition("%")[0] for one in found}
    addresses -= {"0.0.0.0", "::"}  # noqa: S104 - not names of anything
    names: list[x509.GeneralName] = [x509.DNSName(one) for one in sorted(hosts)]
    return names + [x509.IPAddress(ipaddress.ip_address(one)) for one in sorted(addresses)]


def _serves(chain: Path, names: list[x509.GeneralName], now: datetime.datetime) -> bool:
    leaf = x509.load_pem_x509_certificate(chain.read_bytes())
    alternative = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    lasts = leaf.not_valid_after_utc - now > datetime.timedelta(days=_RENEW_DAYS)
    return lasts and all(name in list(alternative) for name in names)


def _make_ca(directory: Path, now: datetime.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"Muster {socket.gethostname()}"[:64])]
    )
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        _builder(name, name, key.public_key(), now, _CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_key(directory / "ca.key", key)
    (directory / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _make_leaf(
    directory: Path, made: Certificates, names: list[x509.GeneralName], now: datetime.datetime
) -> None:
    ca = x509.load_pem_x509_certificate(made.ca.read_bytes())
    ca_key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, socket.gethostname()[:64])])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    certificate = (
        _builder(subject, ca.subject, key.public_key(), now, _LEAF_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(authority, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write_key(made.key, key)
    pem = serialization.Encoding.PEM
    made.chain.write_bytes(certificate.public_bytes(pem) + ca.public_bytes(pem))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime.datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))  # clocks of clients that are behind
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
