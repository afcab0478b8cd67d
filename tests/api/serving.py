"""Who serves whom in the parted country, beside those who were appointed with a client.

account_manager.power serves suzhou-power and its branch; agent.power is to serve power-deal. There
are the packages metering and vehicles, and suzhou-power has the second one.
"""

from collections.abc import Mapping

from foundation.database import Connection
from registry import assignments, client_packages, packages
from registry.assignments import Order
from tests.api.world import POWER, SYSTEM, minutes_ago

# Who sees the clients of account_manager.power, one that has no agent, and what lies ahead.
SERVED: Mapping[str, frozenset[str]] = {
    POWER: frozenset({"jiangsu", "power"}),
    "power-branch": frozenset({"zhejiang", "power"}),
}
UNSERVED = {"power-branch": SERVED["power-branch"]}
PACKED = {POWER: SERVED[POWER]}
"""Who sees the client that has a package, of number GIVEN."""
GIVEN = "1000001"
AHEAD: Mapping[str, frozenset[str]] = {"1000001": frozenset({"jiangsu", "power"})}


async def release(conn: Connection) -> None:
    """Let suzhou-power have no agent any more: those of the parted country come next."""
    await assignments.hand_over(conn, SYSTEM, "sam", None, Order([POWER]))


async def build(conn: Connection) -> None:
    """Assign them."""
    await assignments.assign(conn, SYSTEM, "account_manager.power", Order(["power-branch"]))
    numbers = "pg_get_serial_sequence('registry.assignment', 'id')"
    await conn.execute(f"select setval({numbers}, 1000000)".encode())
    tomorrow = Order(["power-deal"], minutes_ago(-24 * 60))
    await assignments.assign(conn, SYSTEM, "agent.power", tomorrow)
    for code, profile in (("metering", "smart_meter"), ("vehicles", "vehicle_tracker")):
        titles = {"title_zh": code, "title_en": code}
        await packages.define(conn, SYSTEM, code=code, **titles, tier="silver", profiles=[profile])
    numbers = "pg_get_serial_sequence('registry.client_package', 'id')"
    await conn.execute(f"select setval({numbers}, 1000000)".encode())
    await client_packages.apply(conn, SYSTEM, POWER, "vehicles", note="Tiger Hill Power has it")
