"""Ways to err on purpose: with one of these a ledger run must find that the books do not close."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deploy.ledger.script import PROFILE


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """What is made worse: settings of the bridge and of the database, or statements to begin with.

    Plain terminals forget a message at its PUBACK, where others wait for the receipt: what a bridge
    acknowledges too early is lost to them alone.
    """

    what: str
    bridge: Mapping[str, str] = field(default_factory=dict)
    database: Mapping[str, str] = field(default_factory=dict)
    sql: Sequence[str] = ()
    terminals_are_plain: bool = False


NONE = Mutation(what="nothing")

ALL: Mapping[str, Mutation] = {
    "acknowledge_before_commit": Mutation(
        what="the bridge acknowledges a message when it comes",
        bridge={"MUSTER_TEST_ACK_BEFORE_COMMIT": "1"},
        terminals_are_plain=True,
    ),
    "drop_one_in_10000": Mutation(
        what="the bridge settles one message in 10,000 without storing it",
        bridge={"MUSTER_TEST_DROP_ONE_IN": "10000"},
        terminals_are_plain=True,
    ),
    "no_epoch_guard": Mutation(
        what="the bridge acknowledges on a new connection what an old one delivered",
        bridge={"MUSTER_TEST_NO_EPOCH_GUARD": "1"},
    ),
    "no_unique_key": Mutation(
        what="the profile's table has no primary key",
        sql=(f"alter table telemetry.{PROFILE} drop constraint {PROFILE}_pkey",),
    ),
    "synchronous_commit_off": Mutation(
        what="PostgreSQL says committed before it is on disk",
        database={"synchronous_commit": "off", "wal_writer_delay": "10s"},
    ),
}
