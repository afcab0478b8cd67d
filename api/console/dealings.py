"""How the console tells of transfers: their states, what to do next, and why they failed.

`_` only marks, as in `words`.
"""

from enum import StrEnum

from registry.transfer_model import OPEN, Failure, Party, Side, Transfer, TransferState


def _(text: str) -> str:
    return text


STATES = {
    TransferState.PROPOSED: _("waits for consent"),
    TransferState.AGREED: _("agreed"),
    TransferState.EXECUTED: _("carried out"),
    TransferState.REFUSED: _("refused"),
    TransferState.CANCELLED: _("cancelled"),
    TransferState.EXPIRED: _("expired"),
    TransferState.FAILED: _("failed"),
}
TONES = {
    TransferState.PROPOSED: "warn",
    TransferState.AGREED: "ok",
    TransferState.EXECUTED: "ok",
    TransferState.REFUSED: "bad",
    TransferState.CANCELLED: "mute",
    TransferState.EXPIRED: "mute",
    TransferState.FAILED: "bad",
}

SIDES = {Side.GIVING: _("giving side"), Side.RECEIVING: _("receiving side")}

ACTS = {
    "proposed": _("proposed"),
    "agreed": _("consent given"),
    "executed": _("carried out"),
    "refused": _("refused"),
    "cancelled": _("cancelled"),
    "expired": _("expired"),
    "failed": _("failed"),
    "credentials": _("passwords handed out"),
}

FAILURES = {
    Failure.OWNER_CHANGED: _("A terminal has another owner by now."),
    Failure.TOO_EARLY: _("A terminal's present owner has it since a later time."),
    Failure.RETIRED: _("A terminal is retired by now."),
    Failure.RECEIVER: _("The receiving side can take no such terminals at present."),
    Failure.REFUSED: _("The database refused it."),
}


class Finding(StrEnum):
    """What the console says first of a transfer."""

    YOURS_TO_AGREE = "yours_to_agree"
    OTHERS_TO_AGREE = "others_to_agree"
    AGREED = "agreed"
    COLLECT = "collect"
    EXECUTED = "executed"
    ENDED = "ended"


FINDING_TONES = {
    Finding.YOURS_TO_AGREE: "warn",
    Finding.OTHERS_TO_AGREE: "",
    Finding.AGREED: "ok",
    Finding.COLLECT: "warn",
    Finding.EXECUTED: "ok",
    Finding.ENDED: "bad",
}


def finding_of(transfer: Transfer, *, may_agree: bool, may_collect: bool) -> Finding:
    """The first thing that is to be said of a transfer to this reader."""
    if transfer.state is TransferState.PROPOSED:
        return Finding.YOURS_TO_AGREE if may_agree else Finding.OTHERS_TO_AGREE
    if transfer.state is TransferState.AGREED:
        return Finding.AGREED
    if transfer.state is TransferState.EXECUTED:
        return Finding.COLLECT if may_collect else Finding.EXECUTED
    return Finding.ENDED


def speaks_for(party: Party, *, is_operator: bool) -> bool:
    """Whether this reader can agree for a side that has not agreed yet."""
    return party.agreed_at is None and (is_operator if party.is_operator else party.is_seen)


def is_open(transfer: Transfer) -> bool:
    """Whether either side can still step back."""
    return transfer.state in OPEN
