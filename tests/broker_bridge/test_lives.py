"""What each state of a terminal's life allows, on the real path: broker, bridge, presence."""

from collections.abc import Iterator
from functools import partial

import orjson
import pytest

from deploy.embedded.credentials import CredentialFollower
from deploy.embedded.mosquitto import verifier
from deploy.embedded.processes import wait_until
from foundation.database import open_pool, transaction
from registry import terminals
from registry.credentials import Credential
from registry.identifiers import TerminalCode
from registry.model import TerminalState
from telemetry import tally
from tests.broker_bridge.running import SECONDS, Bridge, now_ms, read
from tests.conftest import Database, TestBroker
from tests.country import JIANGSU, everything, settled
from tests.embedded.mqtt import Client


@pytest.fixture
def bridge(database: Database, broker: TestBroker) -> Iterator[Bridge]:
    """A bridge, and a broker whose accounts follow the registry."""
    with Bridge(database, broker).ready() as running:
        own = {"bridge-1": verifier(broker.passwords["bridge-1"])}
        follower = CredentialFollower(database.jobs, broker.server, own)
        follower.write()
        follower.start()
        yield running
        follower.stop()


async def enrolled(database: Database) -> dict[TerminalState, Credential]:
    """A terminal in each state, named by it, with its credential."""
    credentials = {}
    async with settled(database) as pool, transaction(pool, everything.settings()) as conn:
        for state in TerminalState:
            registered = await terminals.register(
                conn,
                everything,
                code=TerminalCode(state.value),
                profile="meter",
                region=JIANGSU,
                group_client="power-js",
                state=state,
            )
            credentials[state] = registered.credential
    return credentials


def is_let_in(broker: TestBroker, credential: Credential) -> bool:
    """Whether the broker takes a connection with this credential."""
    client = Client(broker.server.port, credential.username, credential.password)
    client.close()
    return client.admitted


async def test_each_state_allows_what_the_table_says(
    database: Database, broker: TestBroker, bridge: Bridge
) -> None:
    """Row by row: who is let in, whose readings are stored, who counts in rates."""
    credentials = await enrolled(database)
    last = credentials[TerminalState.ISOLATED]
    assert wait_until(lambda: is_let_in(broker, last), SECONDS)
    assert wait_until(lambda: bridge.metric("muster_bridge_terminals") == len(credentials), SECONDS)

    let_in = {state for state, own in credentials.items() if is_let_in(broker, own)}
    for state in let_in:
        client = Client(broker.server.port, state.value, credentials[state].password)
        reading = orjson.dumps({"ts": now_ms(), "voltage_a": 230.0})
        assert client.publish(f"m2m/v1/{state.value}/telemetry", reading) in (0, 16)
        client.close()
    bridge.settle(len(let_in))

    codes = "select t.code from {} x join registry.terminal t on t.id = x.terminal_id"
    stored = {row["code"] for row in read(database, codes.format("telemetry.meter"))}
    refused = read(database, codes.format("telemetry.quarantine") + " where reason = %s",
                   "not_in_service")  # fmt: skip
    async with (
        await open_pool(database.api, name="test") as pool,
        transaction(pool, everything.settings()) as conn,
    ):
        counted = (await tally.fleet(conn, everything)).parts

    assert let_in == {state for state in TerminalState if state.may_connect}
    assert stored == {state.value for state in TerminalState if state.stores_readings}
    assert {row["code"] for row in refused} == {state.value for state in let_in} - stored
    in_rates = [part for part in counted if part.state.counts_in_rates]
    assert [(part.state, part.terminals) for part in in_rates] == [(TerminalState.IN_SERVICE, 1)]


async def test_an_isolation_is_felt_within_seconds(
    database: Database, broker: TestBroker, bridge: Bridge
) -> None:
    """Its readings go to quarantine, without a new start of anything, until it returns."""
    own = (await enrolled(database))[TerminalState.IN_SERVICE]
    assert wait_until(lambda: is_let_in(broker, own), SECONDS)
    client = Client(broker.server.port, own.username, own.password)

    def comes_to(expected: str) -> bool:
        """Whether this became of one more reading."""
        before = bridge.fates()
        client.publish(f"m2m/v1/{own.username}/telemetry", orjson.dumps({"voltage_a": 230.0}))
        bridge.settle(sum(before.values()) + 1)
        after = bridge.fates()
        return after.get(expected, 0) > before.get(expected, 0)

    async with await open_pool(database.api, name="test") as pool:
        for state, expected in (
            (TerminalState.ISOLATED, "not_in_service"),
            (TerminalState.IN_SERVICE, "stored"),
        ):
            async with transaction(pool, everything.settings()) as conn:
                await terminals.move_to(conn, everything, own.username, state, reason="seen twice")
            assert wait_until(partial(comes_to, expected), SECONDS)
    client.close()
