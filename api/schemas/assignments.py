"""Who serves whom, on its way in and out."""

from pydantic import Field

from api.schemas.group_clients import Code
from api.schemas.shapes import Answer, Body, Instant, Utc
from api.schemas.transfers import Note
from registry.assignments import MOST_CLIENTS, Order
from registry.scope import Role

_FROM = "Null: now. May have passed, if it is after the last change of that client."


class AssignmentBody(Body):
    """Clients that somebody is to serve whom nobody of their role serves."""

    group_clients: list[Code] = Field(
        min_length=1, max_length=MOST_CLIENTS, examples=[["example-power"]]
    )
    to: str = Field(
        max_length=64, examples=["wang"], description="An account manager's or agent's name."
    )
    effective_at: Instant | None = Field(None, description=_FROM)
    note: Note | None = None

    def order(self) -> Order:
        """What is to be done."""
        return Order(self.group_clients, self.effective_at, self.note)


class HandOverBody(Body):
    """Clients that another person of the same role is to serve."""

    giving: str = Field(max_length=64, examples=["wang"], description="Who serves them.")
    receiving: str | None = Field(
        max_length=64,
        examples=["li"],
        description="Who is to; null, of an agent's clients only: nobody.",
    )
    group_clients: list[Code] | None = Field(
        None,
        min_length=1,
        max_length=MOST_CLIENTS,
        description="Null: all that you see of those who are served on.",
    )
    effective_at: Instant | None = Field(None, description=_FROM)
    note: Note | None = None


class HandedOverAnswer(Answer):
    """What was assigned or handed over."""

    group_clients: int = Field(examples=[12], description="How many.")


class AssignmentAnswer(Answer):
    """From when to when somebody served a client."""

    id: int = Field(examples=[12])
    group_client: str = Field(validation_alias="group_client_code", examples=["example-power"])
    group_client_name: str
    role: Role
    person: str = Field(examples=["wang"])
    valid_from: Utc
    valid_to: Utc | None = Field(description="Null: still; ahead: handed over then.")
    note: str | None
    assigned_at: Utc = Field(description="When it was put on record.")
    assigned_by: str | None = Field(
        examples=["user:ou"], description="Null for who may not read the audit; so is ended_by."
    )
    ended_by: str | None
    end_note: str | None


class ServingAnswer(Answer):
    """An account manager or agent."""

    name: str = Field(examples=["wang"])
    role: Role
    in_force: bool = Field(description="Whether they can sign in.")
    group_clients: int = Field(
        validation_alias="clients", description="How many of those you see they serve now."
    )
