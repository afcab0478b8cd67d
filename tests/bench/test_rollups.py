"""The benchmark of roll-ups takes days that are whole, and finds out when they are not."""

from datetime import UTC, date, datetime, timedelta

import pytest

from deploy.bench import rollups
from deploy.bench.rollups import Plan
from deploy.bench.stand import Stand


@pytest.mark.timeout(900)
def test_a_small_country_is_rolled_up_rightly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is measured and agrees with the truth; a sum that is wrong is told."""
    compare = rollups.compare

    async def compare_with_a_fault(stand: Stand, day: date, samples: int) -> list[str]:
        right = await compare(stand, day, samples)
        stand.query(
            "update telemetry.supervision_daily set online = online + 1"
            " where day = %s and group_client_id = -1 and online > 0",
            day,
        )
        faulty.extend(await compare(stand, day, samples))
        return right

    faulty: list[str] = []
    monkeypatch.setattr(rollups, "compare", compare_with_a_fault)
    result = rollups.run(Plan(terminals=2000, clients=60, samples=20), lambda _: None)

    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert result["wrong"] == []
    assert faulty
    assert all(line.startswith("region") and str(yesterday) in line for line in faulty)
    assert (result["terminals"], result["clients"], result["client_rows"]) == (2010, 60, 60)
    assert result["rows"] > 100
    assert {"count bindings", "take a day, 1", "by client, now and then"} <= set(result["seconds"])
    assert result["server_mb"] > 0
    assert [figure["goal"] for figure in result["figures"]] == ["day", "page", "memory"]
