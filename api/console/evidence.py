"""What the evidence of a diagnosis says, in words of the console; `_` only marks."""

from collections.abc import Mapping
from enum import StrEnum

from api.console import binding_words, sim_words, words
from telemetry.diagnosis import Evidence, Fact


def _(text: str) -> str:
    return text


_VALUES: Mapping[Fact, Mapping[str, str]] = {
    Fact.STATE: {state.value: text for state, text in words.STATES.items()},
    Fact.LAST_DATA: {
        "online": _("reporting"),
        "silent": _("silent"),
        "never": _("never heard"),
    },
    Fact.SESSION: {state.value: text for state, text in words.SESSIONS.items()},
    Fact.PAUSE: words.PAUSES,
    Fact.SIM_STATE: {state.value: text for state, text in sim_words.STATES.items()},
    Fact.BINDING: {
        said.value: text
        for said, text in [*binding_words.VERDICTS.items(), *binding_words.VIOLATIONS.items()]
        if isinstance(said, StrEnum)
    },
    Fact.REFUSED: {reason.value: text for reason, text in words.REASONS.items()},
    Fact.CREDENTIAL: {
        "password": _("password in force"),
        "certificate": _("certificate in force"),
        "revoked": _("revoked"),
    },
    Fact.CREDENTIAL_REFUSED: {
        "wrong_password": _("a wrong password"),
        "no_password": _("a password, and none is in force"),
        "other_client_id": _("a client id that is not its user name"),
    },
    Fact.NOT_YOURS: {"sims.read": _("SIMs"), "quarantine.read": _("Quarantine")},
}
_NOTHING = {
    Fact.SIM_STATE: _("none on record"),
    Fact.CREDENTIAL: _("none"),
    Fact.APN: _("none on record"),
    Fact.APN_HEARD: _("it does not say"),
}


def told(piece: Evidence) -> str:
    """What a piece of evidence says, to be translated; a name or a number as it is."""
    if piece.value is None:
        return _NOTHING.get(piece.fact, "–")
    return _VALUES.get(piece.fact, {}).get(piece.value, piece.value)
