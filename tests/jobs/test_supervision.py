"""The jobs process takes the day that ended in its zone, and shows supervision by province."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from deploy.embedded.processes import wait_until
from tests.conftest import Database
from tests.country import JIANGSU, register, settled
from tests.jobs.test_jobs import running
from tests.telemetry.ground import read


def zone_past_midnight() -> str:
    """A zone in which it is between midnight and one."""
    hour = datetime.now(UTC).hour
    return f"Etc/GMT+{hour}" if hour <= 12 else f"Etc/GMT-{24 - hour}"


@pytest.mark.timeout(300)
async def test_a_day_is_taken_after_midnight_and_provinces_are_shown(database: Database) -> None:
    """With all terminals and clients, once, by the zone that is set."""
    zone = zone_past_midnight()
    yesterday = datetime.now(ZoneInfo(zone)).date() - timedelta(days=1)
    async with settled(database) as pool:
        await register(pool, "m-1", "m-2")
    with running(database, TIME_ZONE=zone) as jobs:
        assert wait_until(lambda: bool(read(database, "select from telemetry.supervision_day")), 90)
        series = f'muster_customers{{file="unverified",province="{JIANGSU}"}}'
        assert wait_until(lambda: jobs.metric(series) == 1, 90)
        assert jobs.metric(f'muster_sims_in_use{{binding="ok",province="{JIANGSU}"}}') == 0
        for by, key in (("industry", "power"), ("tier", "gold")):
            kept = f'muster_customers_by_{by}{{file="unverified",{by}="{key}"}}'
            due = f'muster_customers_by_{by}{{file="due",{by}="{key}"}}'
            assert (jobs.metric(kept), jobs.metric(due)) == (2, 0)
        taken_at = "muster_supervision_day_taken_timestamp_seconds"
        assert wait_until(lambda: (jobs.metric(taken_at) or 0) > 0, 30)

    assert read(database, "select day from telemetry.supervision_day") == [{"day": yesterday}]
    assert read(
        database,
        "select sum(in_service) from telemetry.supervision_daily where group_client_id = -1",
    ) == [{"sum": 2}]
    assert len(read(database, "select from telemetry.supervised_client")) == 2
