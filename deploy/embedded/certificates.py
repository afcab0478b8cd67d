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
from cryptography.x509.oid import ExtendedKeyUsageOID

from foundation.certificates import PEM, builder, days, make_authority, name, write_key

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
        make_authority(directory, f"Muster {socket.gethostname()}", now)
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
    lasts = leaf.not_valid_after_utc - now > days(_RENEW_DAYS)
    return lasts and all(name in list(alternative) for name in names)


def _make_leaf(
    directory: Path, made: Certificates, names: list[x509.GeneralName], now: datetime.datetime
) -> None:
    ca = x509.load_pem_x509_certificate(made.ca.read_bytes())
    ca_key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = name(socket.gethostname())
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    certificate = (
        builder(subject, ca.subject, key.public_key(), now, now + days(_LEAF_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(authority, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    write_key(made.key, key)
    made.chain.write_bytes(certificate.public_bytes(PEM) + ca.public_bytes(PEM))
