"""Until when a bridge has heard, and what becomes of that in presence."""

import socket
from datetime import UTC, datetime

import paho.mqtt.client as paho
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

from broker_bridge.hearing import Hearing, sql
from broker_bridge.session import Broker, Delivery, Session
from deploy.embedded.processes import wait_until
from telemetry.model import at
from tests.broker_bridge.running import Bridge, read
from tests.broker_bridge.test_settlement import Ledger, nowhere
from tests.conftest import Database, TestBroker
from tests.country import register, settled
from tests.jobs.test_jobs import running
from tests.telemetry.ground import connected, execute

NOW_US = 1_790_000_000_000_000
SECOND_US = 1_000_000


class Listening:
    """A session and its hearing, at a time of the test's own."""

    def __init__(self) -> None:
        self.session = Session(
            Broker("nowhere", 1883, "bridge-1", ""),
            [],
            nowhere,
            on_deliveries=lambda deliveries: None,
            max_messages=2,
        )
        self.hearing = Hearing(self.session)
        self.link = Ledger(1)

    def connect(self, *, heard_us: int) -> None:
        """The broker takes us in."""
        self.session.epoch += 1
        self.link = Ledger(self.session.epoch)
        self.link.heard_us = heard_us
        self.session.established(self.link, session_present=True)
        self.session.granted()

    def deliver(self, received_us: int) -> Delivery:
        """A message comes."""
        delivery = Delivery("t", b"", 1, False, received_us, self.session.epoch, 1)
        self.session.receive([delivery])
        self.link.heard_us = received_us
        return delivery


def test_a_clock_that_was_set_is_a_break() -> None:
    """Back as well as ahead: nobody has been silent since a time that has not been yet."""
    listening = Listening()
    listening.connect(heard_us=NOW_US)
    listening.hearing.turn(NOW_US)
    for jumped_us in (NOW_US - 3600 * SECOND_US, NOW_US + SECOND_US):
        listening.link.heard_us = jumped_us

        assert listening.hearing.turn(jumped_us) == (jumped_us, jumped_us)


def test_what_is_not_settled_is_not_heard() -> None:
    """Heard until the oldest message that has no fate, and no longer than the broker spoke."""
    listening = Listening()
    listening.connect(heard_us=NOW_US)
    idle = listening.hearing.turn(NOW_US + SECOND_US)
    first = listening.deliver(NOW_US + 2 * SECOND_US)
    waiting = listening.hearing.turn(NOW_US + 3 * SECOND_US)
    listening.session.settle([first])
    settled_ = listening.hearing.turn(NOW_US + 4 * SECOND_US)
    listening.deliver(NOW_US + 5 * SECOND_US)
    listening.link.heard_us = NOW_US + 6 * SECOND_US
    later = listening.hearing.turn(NOW_US + 6 * SECOND_US)

    since_us = NOW_US + SECOND_US
    assert idle == (NOW_US, since_us)
    assert waiting == (NOW_US + 2 * SECOND_US, since_us)
    assert settled_ == (NOW_US + 2 * SECOND_US, since_us)
    assert later == (NOW_US + 5 * SECOND_US, since_us)


def test_a_break_makes_listening_begin_anew() -> None:
    """No connection, a session that waits for settlements, a process that stood still."""
    listening = Listening()
    assert listening.hearing.turn(NOW_US) is None
    listening.connect(heard_us=NOW_US)
    assert listening.hearing.turn(NOW_US) == (NOW_US, NOW_US)
    full = [listening.deliver(NOW_US), listening.deliver(NOW_US)]
    paused = listening.hearing.turn(NOW_US + SECOND_US)
    listening.session.settle(full)
    again = listening.hearing.turn(NOW_US + 2 * SECOND_US)
    stood_still = listening.hearing.turn(NOW_US + 60 * SECOND_US)

    assert paused is None
    assert again == (NOW_US, NOW_US + 2 * SECOND_US)
    assert stood_still == (NOW_US, NOW_US + 60 * SECOND_US)


async def test_a_short_break_takes_nobody_s_time(database: Database) -> None:
    """A connection that is back within 5 seconds of what was heard goes on as if it had stayed."""
    execute(database, "insert into telemetry.bridge (name) values ('bridge-1')")
    told = []
    for until_s, since_s in ((0, 0), (10, 0), (14, 14), (21, 20), (22, 20)):
        async with connected(database.bridge, None) as conn:
            given = {"until_us": NOW_US + until_s * SECOND_US}
            given |= {"since_us": NOW_US + since_s * SECOND_US}
            await conn.execute(sql.note_hearing, given | {"bridge": "bridge-1"})
        found = read(database, "select heard_until, listening_since from telemetry.bridge")
        told.append((found[0]["heard_until"], found[0]["listening_since"]))

    assert told == [
        (at(NOW_US + until_s * SECOND_US), at(NOW_US + since_s * SECOND_US))
        for until_s, since_s in ((0, 0), (10, 0), (14, 0), (21, 20), (22, 20))
    ]


async def test_a_will_is_known_to_presence(database: Database, broker: TestBroker) -> None:
    """A terminal says hello and is online; its network dies and the broker says so for it."""

    def presence() -> tuple[bool | None, datetime | None]:
        with psycopg.connect(database.superuser) as conn:
            found = conn.execute("select session_up, data_at from telemetry.presence").fetchone()
        return found or (None, None)

    async with settled(database) as pool:
        await register(pool, "M-1")
    broker.admit("M-1")
    began = datetime.now(UTC)
    with Bridge(database, broker).ready(), running(database):
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id="M-1")
        client.username_pw_set("M-1", "M-1")
        client.will_set("m2m/v1/M-1/status", b'{"session":"offline"}', qos=1)
        client.connect("127.0.0.1", broker.server.port)
        client.loop_start()
        client.publish("m2m/v1/M-1/hello", b'{"boot":"1"}', qos=1)
        client.publish("m2m/v1/M-1/telemetry", b'{"voltage_a":230}', qos=1)
        online = wait_until(lambda: presence()[0] is True and presence()[1] is not None, 30)
        wire = client.socket()
        assert isinstance(wire, socket.socket)
        wire.shutdown(socket.SHUT_RDWR)
        client.loop_stop()
        offline = wait_until(lambda: presence()[0] is False, 30)
        clock = read(database, "select as_of, listening_since from telemetry.presence_clock")[0]
        bridge = read(
            database,
            "select noted_at, is_connected, spool_messages, spool_room_bytes from telemetry.bridge",
        )[0]

    assert (online, offline) == (True, True)
    assert clock["as_of"] > began
    assert clock["listening_since"] > began
    assert bridge["noted_at"] > began
    assert (bridge["is_connected"], bridge["spool_messages"]) == (True, 0)
    assert bridge["spool_room_bytes"] > 0
