"""What can go wrong with terminals' certificates."""

from foundation.errors import Invalid, NotFound, Refused


class CertificateNotFound(NotFound):
    """There is no such certificate in force, or it is not yours to see."""

    code = "certificate_not_found"
    remedy = "Look at the terminal's certificates; one that is revoked stays so."


class TerminalHasEnded(Refused):
    """A retired terminal gets no certificate."""

    code = "terminal_has_ended"
    remedy = "Register a new terminal; a retired one never comes back."


class RequestUnusable(Invalid):
    """The certificate request cannot be signed."""

    code = "csr_unusable"
    remedy = (
        "Make one with `openssl req -new -key FILE -subj /CN=<code>`: a P-256, P-384 or Ed25519"
        " key, or RSA of 2048 to 4096 bits."
    )

    def __init__(self, message: str) -> None:
        super().__init__(message, field="csr")


class NoAuthority(Refused):
    """This deployment has no authority that signs terminals' certificates."""

    code = "no_certificate_authority"
    remedy = "Make one with `muster ca init`, and name its directory in MUSTER_TERMINAL_CA."


class AuthorityThere(Refused):
    """There is an authority in that directory already."""

    code = "certificate_authority_exists"
    remedy = "Use it, or name another directory; a new one would make every certificate worthless."
