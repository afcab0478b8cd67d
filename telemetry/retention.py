"""What is kept for how long: old chunks compressed where the edition can, and dropped when over.

A chunk of raw readings goes when it is older than its profile keeps them, and than the tier of
anybody reaches who owns or owned such a terminal; when its roll-ups are complete, nothing can come
into it any more, and no legal hold is on it. Nothing goes of a profile that says nothing of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from foundation import queries
from foundation.database import Connection
from foundation.logs import get_logger
from registry.model import DeviceProfile, ProfileId
from registry.scope import Right, Scope

log = get_logger(__name__)
sql = queries.load("telemetry", "retention.sql")


@dataclass(frozen=True, slots=True)
class Tended:
    """How many chunks went, or were compressed."""

    readings: int
    rollups: int
    compressed: int

    @property
    def more(self) -> bool:
        """Whether there may be more to do at once."""
        return bool(self.readings or self.rollups or self.compressed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """What the readings of a profile take, in bytes, as it was last measured.

    `kept_days` is how long they are kept in effect, None for ever; `held_chunks` are those that
    would have gone but for a legal hold; `dropped_until` is the end of what went last.
    """

    profile: str
    raw_days: int | None
    rollup_days: int | None
    kept_days: int | None
    measured_at: datetime
    raw_bytes: int
    compressed_bytes: int
    rollup_bytes: int
    raw_chunks: int
    compressed_chunks: int
    held_chunks: int
    raw_since: datetime | None
    next_drop_at: datetime | None
    dropped_at: datetime | None
    dropped_until: datetime | None


async def list_profiles(conn: Connection) -> dict[ProfileId, str]:
    """The profiles to tend, with their codes."""
    return {row["id"]: row["code"] async for row in await conn.execute(sql.list_profiles)}


async def drop_next(conn: Connection, profile_id: ProfileId, code: str) -> Tended:
    """Drop the oldest chunk of a profile that is over, of readings and of roll-ups, for good."""
    await conn.execute(sql.be_patient)
    row = await (await conn.execute(sql.drop_next, {"profile_id": profile_id})).fetchone()
    assert row is not None
    dropped = Tended(row["readings"] or 0, row["rollups"] or 0, 0)
    if dropped.more:
        log.info("dropped", profile=code, readings=dropped.readings, rollups=dropped.rollups)
    return dropped


async def compress_next(conn: Connection, profile_id: ProfileId, code: str) -> Tended:
    """Compress the oldest chunk of a profile that is to be, where the edition can."""
    await conn.execute(sql.be_patient)
    row = await (await conn.execute(sql.compress_next, {"profile_id": profile_id})).fetchone()
    assert row is not None
    if row["chunk"] is not None:
        log.info("compressed", profile=code, chunk=row["chunk"])
    return Tended(0, 0, int(row["chunk"] is not None))


async def forget_raw(conn: Connection, profile: DeviceProfile, before: datetime) -> int:
    """Drop a profile's raw readings of before, for good, where roll-ups stand for all of them.

    Whole chunks, the oldest first, up to the first one of which something is not rolled up yet, or
    into which readings may still come, and none that is under a legal hold; returns how many. What
    a change of hands cut out of roll-ups in that time is nobody's to see then.
    """
    given = {"profile_id": profile.id, "before": before, "most": None}
    row = await (await conn.execute(sql.forget_raw, given)).fetchone()
    return 0 if row is None else int(row["chunks"])


async def measure(conn: Connection) -> Sequence[Storage]:
    """Measure what every profile's readings take."""
    for profile_id in await list_profiles(conn):
        await conn.execute(sql.measure, {"profile_id": profile_id})
    return await list_storage(conn, Scope.system("retention"))


async def list_storage(conn: Connection, scope: Scope) -> tuple[Storage, ...]:
    """What readings take, by profile: a few dozen in any deployment, so there are no pages."""
    scope.require(Right.STORAGE_READ)
    cursor = await conn.execute(sql.list_storage, scope.parameters())
    return tuple([Storage(**row) async for row in cursor])
