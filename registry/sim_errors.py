"""What can be wrong with SIMs and their lives, and which broken constraint means it."""

from foundation.database import register_refusals
from foundation.errors import Invalid, Refused


class PeriodPast(Invalid):
    """A period ends in time to come."""

    code = "period_past"
    remedy = "Give a later end; to end the period now, put the SIM into its next state."


class PeriodOver(Refused):
    """The period that would begin has ended before."""

    code = "period_over"
    remedy = "Give the period a later end first, or none."


class PeriodsDisordered(Invalid):
    """The silent period cannot end before the test period."""

    code = "periods_disordered"
    remedy = "Give the silent period an end that is not before the test period's."

    def __init__(self) -> None:
        super().__init__(field="silent_until")


class SimIsInstalled(Refused):
    """A SIM that is in a terminal belongs to the terminal's owner."""

    code = "sim_is_installed"
    remedy = "Remove the SIM first, or transfer the terminal: its SIM goes with it."


class SimOfAnotherOwner(Refused):
    """The SIM belongs to another client than the terminal."""

    code = "sim_of_another_owner"
    remedy = "Give the SIM the terminal's owner first; one of the operator's stock goes anywhere."


class SimNotInstalled(Refused):
    """The SIM is in no terminal."""

    code = "sim_not_installed"
    remedy = "There is nothing to remove; look at where it was."


class SimTwice(Invalid):
    """A SIM or a terminal is named twice."""

    code = "sim_twice"
    remedy = "Name each SIM and each terminal once."


class SimOfAnotherNetwork(Invalid):
    """The IMSI is not of the home operator's networks, and this deployment takes no others."""

    code = "sim_of_another_network"
    remedy = "Check the IMSI; the home networks are reference data, MUSTER_FOREIGN_SIMS the rule."

    def __init__(self) -> None:
        super().__init__(field="imsi")


register_refusals({"sim_silence_follows_its_test": PeriodsDisordered})
