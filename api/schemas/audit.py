"""Entries of the audit on their way out."""

from typing import Any

from pydantic import Field

from api.schemas.shapes import Answer, Utc
from registry.audit import Outcome


class ChangeAnswer(Answer):
    """What happened to one thing; of an update, `before` and `after` have what changed."""

    key: str = Field(examples=["METER-7"])
    part: str | None = Field(description="What of it: an IMEI, an ICCID, a metric's name.")
    before: dict[str, Any] | None = Field(description="Null for what is new or came to you.")
    after: dict[str, Any] | None = Field(description="Null for what is gone or left you.")
    secret: list[str] = Field(description="Secrets that changed, which are never shown.")


class AuditEntryAnswer(Answer):
    """What one statement changed of one owner's things, or an attempt that was refused."""

    id: int = Field(examples=[4711])
    at: Utc
    tenant: str | None = Field(description="Owning group client; null is the operator itself.")
    actor: str = Field(examples=["user:wang"], description="`user:`, `key:`, `system:` ...")
    action: str = Field(examples=["terminal.update"], description="Refused: method and address.")
    outcome: Outcome
    reason: str | None = Field(examples=["right_missing"], description="Code of the refusal.")
    times: int = Field(description="How often within a minute: refusals alike are one entry.")
    request: str | None = Field(description="X-Request-Id of the request.")
    source: str | None = Field(description="Address asked from, where you may know it.")
    scope: dict[str, Any] | None = Field(description="What the actor saw, where you may know it.")
    keys: list[str] = Field(description="Codes and numbers of the things, 20 at most.")
    size: int = Field(description="How many things there were.")
    changes: list[ChangeAnswer] = Field(
        description="In lists: of the `key` asked for, else only where there are 20 at most."
    )
