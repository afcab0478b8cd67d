"""How the platform is, on its way out."""

from pydantic import Field

from api.schemas.shapes import Answer, Utc


class ProcessAnswer(Answer):
    """A process that is connected to the database now."""

    kind: str = Field(examples=["jobs"], description="bridge, jobs, api, accounts, cli, ...")
    host: str = Field(examples=["muster-jobs-0"])
    pid: int = Field(examples=[4711])
    connections: int
    busy: int | None = Field(description="Of these; null: not ours to know.")
    active_at: Utc | None = Field(description="When one of them last began or ended something.")
    leads: bool = Field(description="Whether it is the one of the jobs that does the work.")


class ProcessesAnswer(Answer):
    """Processes by kind and host; of these kinds `missing` has none."""

    items: list[ProcessAnswer]
    missing: list[str] = Field(examples=[[]], description="Of bridge, jobs and api.")


class BridgeStandingAnswer(Answer):
    """A bridge as it noted it last; every second, while it is well."""

    name: str = Field(examples=["bridge-1"])
    started_at: Utc
    noted_at: Utc | None
    is_connected: bool = Field(description="Whether the broker had it then.")
    session_established_at: Utc | None = Field(description="Since when the broker keeps for it.")
    sessions_lost: int
    session_lost_at: Utc | None
    broker_started_at: Utc | None
    heard_until: Utc | None = Field(description="All that was said before is stored.")
    unsettled: int = Field(description="Messages that were delivered and are not stored yet.")
    spool_messages: int = Field(description="Messages that wait on its disk.")
    spool_bytes: int
    spool_room_bytes: int = Field(description="What the disk takes before the spool is full.")
    spool_since: Utc | None = Field(description="When the oldest of them came.")
    lag_seconds: float = Field(description="How far behind the slowest follower of its feed is.")


class BridgeStandingsAnswer(Answer):
    """Every bridge that there is or was, by name."""

    items: list[BridgeStandingAnswer]


class FollowerAnswer(Answer):
    """What follows the feed of batches that are stored, and how far behind it is."""

    name: str = Field(examples=["presence"])
    lag_seconds: float


class WorkAnswer(Answer):
    """Jobs that people asked for, of an area."""

    area: str = Field(examples=["import"])
    queued: int
    running: int
    failed: int = Field(description="Within a day.")
    waiting_since: Utc | None = Field(description="When the oldest of the queued was asked for.")


class FeedAnswer(Answer):
    """What comes after a batch is stored."""

    followers: list[FollowerAnswer]
    work: list[WorkAnswer]


class DatabaseAnswer(Answer):
    """The database and the server that it is on."""

    version: str = Field(examples=["17.6"], description="Of PostgreSQL.")
    timescaledb: str = Field(examples=["2.19.3"])
    edition: str = Field(examples=["apache"], description="apache, or timescale: it compresses.")
    migration: str = Field(examples=["0043_standing"], description="The last that ran.")
    bytes: int
    connections: int
    most_connections: int
    oldest_transaction_at: Utc | None = Field(description="When the oldest open one began.")
    oldest_transaction_of: str | None = Field(examples=["muster jobs muster-jobs-0:4711"])
    deadlocks: int
    is_replica: bool
    replicas: int
    replica_lag_bytes: int | None = Field(description="Of the one furthest behind.")
    slots: int = Field(description="Replication slots.")
    slot_bytes: int | None = Field(description="Log that is kept for who has not fetched it.")
    archived_at: Utc | None = Field(description="When a piece of the log was last archived.")
    archive_failures: int


class SettingAnswer(Answer):
    """A setting in force; a secret is never shown, only whether it is set."""

    name: str = Field(examples=["MUSTER_STATEMENT_TIMEOUT_SECONDS"])
    description: str
    value: str | None = Field(examples=["10.0"])
    secret: bool
    is_set: bool
    by_default: bool


class SettingsAnswer(Answer):
    """The settings of the API process that answers, and its version."""

    version: str = Field(examples=["1.0.0"])
    python: str = Field(examples=["3.13.1"])
    items: list[SettingAnswer]
