"""Maintenance windows on their way in and out."""

from pydantic import Field

from api.schemas.alarms import Text
from api.schemas.shapes import Answer, Body, Instant, Utc


class WindowBody(Body):
    """From when until when alarms of some terminals are to be quiet, and why."""

    why: Text = Field(examples=["Transformers of the north are replaced."])
    begins_at: Instant | None = Field(None, description="Now, if left out.")
    ends_at: Instant
    group_client: str | None = Field(None, max_length=64, description="Whose; or `region`.")
    region: int | None = Field(None, description="Where; without either, the caller's own.")
    collection: int | None = Field(None, ge=1, lt=2**31, description="Of these only.")
    terminal: str | None = Field(None, max_length=64, description="Of this one only.")


class WindowChange(Body):
    """What is to be changed; what is not named stays."""

    why: Text | None = None
    ends_at: Instant | None = Field(None, description="A time that is past ends it now.")


class WindowAnswer(Answer):
    """A maintenance window; `version` is its ETag."""

    id: int
    why: str
    group_client: str | None
    region: int | None
    collection: int | None
    terminal: str | None
    begins_at: Utc
    ends_at: Utc
    made_by: str
    made_at: Utc
    version: int
