"""Keys and certificate requests as a terminal makes them."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from foundation.certificates import PEM, name

Key = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)


def request_of(common_name: str | None, key: Key | None = None) -> str:
    """A request as PEM, signed with a fresh key or the one given."""
    subject = x509.Name([]) if common_name is None else name(common_name)
    signer = key or ec.generate_private_key(ec.SECP256R1())
    edwards = isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    algorithm = None if edwards else hashes.SHA256()
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(signer, algorithm)
    return made.public_bytes(PEM).decode()
