"""Transfers on their way in and out."""

from typing import Annotated

from pydantic import Field, StringConstraints

from api.schemas.group_clients import Code
from api.schemas.shapes import Answer, Body, Instant, Utc
from api.schemas.terminals import CredentialAnswer
from registry.transfer_model import Offer, Side, Step, Transfer, TransferState
from registry.transfers import MOST_TERMINALS

Note = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]

_EVIDENCE = "What the client signed or said; for the operator, who then agrees for that side."


class TransferBody(Body):
    """Terminals of one owner that are to go to another."""

    terminals: list[Code] = Field(min_length=1, max_length=MOST_TERMINALS, examples=[["METER-1"]])
    to: Code | None = Field(
        examples=["example-power"], description="Code of the receiving client; null: the operator."
    )
    effective_at: Instant | None = Field(
        None, description="Null: when both have agreed. May have passed, if it is the owner's time."
    )
    keep_description: bool = Field(
        default=False,
        description="Whether name, tags and position go along; else they are cleared.",
    )
    message: Note | None = Field(None, description="The other side reads it.")
    giving_evidence: Note | None = Field(None, description=_EVIDENCE)
    receiving_evidence: Note | None = Field(None, description=_EVIDENCE)

    def offer(self) -> Offer:
        """What is proposed."""
        said = {Side.GIVING: self.giving_evidence, Side.RECEIVING: self.receiving_evidence}
        return Offer(
            codes=self.terminals,
            to_client=self.to,
            effective_at=self.effective_at,
            keep_description=self.keep_description,
            message=self.message,
            evidence={side: evidence for side, evidence in said.items() if evidence},
        )


class ConsentBody(Body):
    """Consent, for each side that is yours to speak for, or for one of them."""

    side: Side | None = None
    evidence: Note | None = Field(
        None, examples=["letter of 2026-11-20"], description="Asked of the operator."
    )


class WithdrawalBody(Body):
    """Why a transfer is not to be."""

    reason: Note = Field(description="The other side reads it.")


class PartyAnswer(Answer):
    """A side of a transfer; its `name` is known from when it has agreed."""

    group_client: str | None = Field(
        validation_alias="client_code",
        examples=["example-power"],
        description="Null for the operator, and where neither side is yours.",
    )
    name: str | None = Field(validation_alias="client_name")
    is_operator: bool
    is_yours: bool = Field(validation_alias="is_seen", description="Whether you see its file.")
    agreed_at: Utc | None


class TransferAnswer(Answer):
    """A transfer as it is now."""

    id: int = Field(examples=[12])
    state: TransferState
    giving: PartyAnswer
    receiving: PartyAnswer
    terminals: int = Field(description="How many; their codes are listed below the transfer.")
    effective_at: Utc | None = Field(description="Null: when both have agreed.")
    keep_description: bool
    message: str | None
    proposed_at: Utc
    expires_at: Utc = Field(description="Until when it waits for consent.")
    ended_at: Utc | None
    end_reason: str | None = Field(description="Of a withdrawal; of a failure its code.")
    credentials_at: Utc | None = Field(
        description="When the passwords were handed out; only the receiving side is told."
    )
    version: int = Field(examples=[1])


class StepAnswer(Answer):
    """What was done of it for a client of yours, or by the operator."""

    act: str = Field(examples=["agreed"])
    side: Side | None
    at: Utc
    actor: str = Field(examples=["user:wang"])
    evidence: str | None


class WholeTransferAnswer(TransferAnswer):
    """A transfer with what was done of it."""

    steps: list[StepAnswer]

    @classmethod
    def of(cls, found: Transfer, steps: tuple[Step, ...]) -> "WholeTransferAnswer":
        """The transfer's fields, and its steps among them."""
        transfer = TransferAnswer.model_validate(found)
        told = [StepAnswer.model_validate(step) for step in steps]
        return cls.model_construct(**dict(transfer), steps=told)  # both are checked


class TransferTerminalAnswer(Answer):
    """A terminal of a transfer; the receiving side learns no more of it beforehand."""

    code: str = Field(examples=["METER-1"])
    profile: str = Field(validation_alias="profile_code", examples=["smart_meter"])


class CredentialsAnswer(Answer):
    """New passwords of all terminals of a transfer, never shown again."""

    items: list[CredentialAnswer]
