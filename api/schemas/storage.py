"""What readings take on disk, on its way out."""

from pydantic import Field

from api.schemas.shapes import Answer, Utc


class StorageAnswer(Answer):
    """What the readings of a profile take, in bytes, and how long they are kept."""

    profile: str = Field(examples=["smart_meter"])
    raw_days: int | None = Field(description="The profile's own; null: for ever.")
    rollup_days: int | None
    kept_days: int | None = Field(description="In effect, with the tiers of the owners.")
    measured_at: Utc
    raw_bytes: int = Field(description="Tables and indexes of what is not compressed.")
    compressed_bytes: int
    rollup_bytes: int
    raw_chunks: int
    compressed_chunks: int = Field(description="Of these.")
    held_chunks: int = Field(description="That would have been dropped but for a legal hold.")
    raw_since: Utc | None = Field(description="Where the oldest chunk begins.")
    next_drop_at: Utc | None = Field(description="When the oldest may go; null: none does.")
    dropped_at: Utc | None = Field(description="When readings were last dropped.")
    dropped_until: Utc | None = Field(description="All before was dropped, but for what is held.")


class StoragesAnswer(Answer):
    """Every profile that was measured, by code."""

    items: list[StorageAnswer]
