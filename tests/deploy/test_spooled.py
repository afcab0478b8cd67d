"""What `status` and `doctor` say of the spool."""

from deploy.embedded.home import State
from deploy.embedded.processes import wait_until
from deploy.spooled import Spooled, spooled
from tests.broker_bridge.running import SECONDS, Bridge, Publisher
from tests.broker_bridge.test_bridge import closed
from tests.conftest import Database, TestBroker


def test_what_waits_is_told(database: Database, broker: TestBroker) -> None:
    """By the bridge itself; of one that does not answer nothing is known."""
    broker.admit("M-1")
    with closed(database), Bridge(database, broker) as bridge:
        state = State(
            metrics=[{"process": "bridge", "url": f"http://127.0.0.1:{bridge.port}/metrics"}]
        )
        assert wait_until(lambda: bridge.metric("muster_bridge_connected") == 1, SECONDS)
        assert spooled(state) == Spooled(0, 0, 0.0, is_full=False)
        with Publisher(broker, "M-1") as meter:
            meter.say({"voltage_a": 230}, {"voltage_a": 231})
        assert wait_until(lambda: bridge.held() == 2, SECONDS)
        waiting = spooled(state)
        assert waiting is not None
        assert waiting.messages == 2
        assert waiting.told().startswith("2 messages (0.0 MiB) wait for the database, the oldest")
        assert bridge.stop() == 0
        assert spooled(state) is None
