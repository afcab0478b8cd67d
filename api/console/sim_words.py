"""The words of SIMs and their lives as people read them, and their tones.

`_` only marks, as in `words`.
"""

from registry.model import SetBy, SimState
from registry.sim_life import RESTRAINING
from registry.sim_model import Oddity, Sim


def _(text: str) -> str:
    return text


STATES = {
    SimState.INVENTORY: _("in inventory"),
    SimState.TESTING: _("test period"),
    SimState.SILENT: _("silent period"),
    SimState.ACTIVE: _("active"),
    SimState.SUSPENDED: _("suspended"),
    SimState.PRE_CANCELLED: _("pre-cancelled"),
    SimState.CANCELLED: _("cancelled"),
    SimState.TRANSFERRING: _("being transferred"),
}
TONES = {
    SimState.INVENTORY: "mute",
    SimState.TESTING: "mute",
    SimState.SILENT: "mute",
    SimState.ACTIVE: "ok",
    SimState.SUSPENDED: "bad",
    SimState.PRE_CANCELLED: "warn",
    SimState.CANCELLED: "mute",
    SimState.TRANSFERRING: "warn",
}
MEANINGS = {
    SimState.INVENTORY: _("In stock, not in use yet."),
    SimState.TESTING: _("In its test period."),
    SimState.SILENT: _("In its silent period: ready, and not paid for yet."),
    SimState.ACTIVE: _("In use."),
    SimState.SUSPENDED: _("Suspended: it carries no data."),
    SimState.PRE_CANCELLED: _("Given notice: it ends soon and does not come back."),
    SimState.CANCELLED: _("Ended for good."),
    SimState.TRANSFERRING: _("Being transferred; it comes back into the state it was in."),
}
MOVES = {
    SimState.INVENTORY: _("Back to inventory"),
    SimState.TESTING: _("Begin the test period"),
    SimState.SILENT: _("Begin the silent period"),
    SimState.ACTIVE: _("Put into use"),
    SimState.SUSPENDED: _("Suspend"),
    SimState.PRE_CANCELLED: _("Give notice"),
    SimState.CANCELLED: _("Cancel for good"),
    SimState.TRANSFERRING: _("Begin a transfer"),
}
ENDS = frozenset({SimState.PRE_CANCELLED, SimState.CANCELLED})

SET_BY = {
    SetBy.CLIENT: _("the client"),
    SetBy.OPERATOR: _("the operator"),
    SetBy.SYSTEM: _("the system"),
}

ODDITIES = {
    Oddity.ICCID_LETTERS: _("The ICCID holds letters, as some real cards do."),
    Oddity.ICCID_CHECK_DIGIT: _("The check digit of the ICCID does not fit, as on some cards."),
    Oddity.IMSI_UNKNOWN_NETWORK: _("The IMSI is of no network that is known here."),
    Oddity.IMSI_OTHER_OPERATOR: _("The IMSI is of another operator's network."),
    Oddity.MSISDN_UNKNOWN_RANGE: _("The MSISDN is in no known range of numbers."),
    Oddity.MSISDN_OTHER_OPERATOR: _("The MSISDN is in another operator's range of numbers."),
}

NUMBERS = {"iccid": "ICCID", "imsi": "IMSI", "msisdn": "MSISDN"}


def is_imposed(sim: Sim) -> bool:
    """Whether only the system takes it out of its state."""
    return sim.set_by is SetBy.SYSTEM and sim.state in RESTRAINING
