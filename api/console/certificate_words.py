"""Why a certificate counts no more, as people read it; `_` only marks, as in `words`."""

from registry.certificates import RevocationReason


def _(text: str) -> str:
    return text


REASONS = {
    RevocationReason.UNSPECIFIED: _("no reason given"),
    RevocationReason.KEY_COMPROMISE: _("its key is in other hands"),
    RevocationReason.SUPERSEDED: _("replaced by another"),
    RevocationReason.CESSATION_OF_OPERATION: _("the terminal was retired"),
    RevocationReason.PRIVILEGE_WITHDRAWN: _("the terminal changed hands"),
}
CHOICES = (
    RevocationReason.KEY_COMPROMISE,
    RevocationReason.SUPERSEDED,
    RevocationReason.UNSPECIFIED,
)
"""What a person says; the others say themselves."""
