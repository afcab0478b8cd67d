"""What a terminal signs in to the broker with, as far as it may be shown."""

from pydantic import Field

from api.schemas.shapes import Answer, Body, Utc
from registry.authority import DEFAULT_DAYS, LONGEST_REQUEST, MOST_DAYS
from registry.certificates import RevocationReason


class CertificateStandingAnswer(Answer):
    """A terminal's password: since when it is in force, and whether it still is."""

    issued_at: Utc | None = Field(description="Null: it has none.")
    revoked_at: Utc | None


class CertificateBody(Body):
    """A certificate request (PKCS #10) of a terminal, whose common name is its code or nothing."""

    csr: str = Field(
        max_length=LONGEST_REQUEST, examples=["-----BEGIN CERTIFICATE REQUEST-----\n…"]
    )
    days: int = Field(DEFAULT_DAYS, ge=1, le=MOST_DAYS, description="How long it is in force.")


class CertificateAnswer(Answer):
    """A certificate; `serial` and `fingerprint` (SHA-256) in hexadecimal."""

    terminal: str = Field(validation_alias="code", examples=["METER-1"])
    serial: str = Field(examples=["5f0c1d"])
    fingerprint: str
    not_before: Utc
    not_after: Utc
    issued_at: Utc
    revoked_at: Utc | None
    reason: RevocationReason | None = Field(description="Why it was revoked.")


class SignedAnswer(Answer):
    """A certificate just signed, and that of the authority which signed it, as PEM."""

    certificate: CertificateAnswer
    pem: str = Field(examples=["-----BEGIN CERTIFICATE-----\n…"])
    authority_pem: str = Field(examples=["-----BEGIN CERTIFICATE-----\n…"])
