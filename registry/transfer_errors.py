"""What can be wrong with a transfer, and which broken constraint means it."""

from foundation.database import register_refusals
from foundation.errors import Invalid, NotFound, Refused


class TransferNotFound(NotFound):
    """There is no such transfer, or it is not yours to see."""

    code = "transfer_not_found"


class TransferOver(Refused):
    """The transfer is not open any more."""

    code = "transfer_over"
    remedy = "Read it again for what became of it; propose a new one if it is still wanted."


class NothingToAgree(Refused):
    """Nothing of this transfer waits for your consent."""

    code = "nothing_to_agree"
    remedy = "Read it again: you may have agreed already, or the other side has to."


class TerminalInTransfer(Refused):
    """A terminal is in another transfer that is still open."""

    code = "terminal_in_transfer"
    remedy = "Withdraw that transfer first, or leave the terminal out."


class CredentialsHandedOut(Refused):
    """The passwords of this transfer were handed out already: that is done once."""

    code = "credentials_handed_out"
    remedy = "Issue new ones, terminal by terminal, for those that were lost."


class EvidenceMissing(Invalid):
    """Who acts for a client says on what ground: a letter, a contract, a ticket."""

    code = "evidence_missing"
    remedy = "Name what the client signed or said, so that it can be found."

    def __init__(self) -> None:
        super().__init__(field="evidence")


class OwnersDiffer(Refused):
    """The terminals of one transfer have one owner."""

    code = "owners_differ"
    remedy = "Propose a transfer for each owner."


register_refusals(
    {
        "terminal_is_in_one_open_transfer": TerminalInTransfer,
        "credentials_are_handed_out_once": CredentialsHandedOut,
    }
)
