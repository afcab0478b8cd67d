"""What a storm is told of, and to whom."""

from telemetry.notifications.model import ChannelKind
from tests.telemetry import ground as tables
from tests.telemetry.notifications.ground import Ground
from tests.telemetry.notifications.receiving import Target


async def test_a_storm_is_told_once_to_each_whose_terminals_are_in_it(
    told: Ground, receiver: Target
) -> None:
    """With how many of theirs; what it gathers is quiet, and over for who was told of it before."""
    wished = {"events": ["opened", "breached", "cleared"]}
    await told.tested(ChannelKind.WEBHOOK, f"{receiver.url}/js", **wished)
    await told.tested(ChannelKind.WEBHOOK, f"{receiver.url}/zj", group_client="power-zj", **wished)
    await told.tested(ChannelKind.WEBHOOK, f"{receiver.url}/all", region=0, **wished)
    receiver.requests.clear()
    told.raise_alarms("M-1")
    await told.post()
    gather = (
        "with storm as (insert into telemetry.alarm (rule_version, rule_name, severity, shared,"
        " shared_key, region_code, raised_at, last_at, count) values (1, 'storm', 'critical',"
        " 'city', '320100', 0, now(), now(), 3) returning id)"
        " update telemetry.alarm a set parent_id = s.id, quiet = true from storm s"
    )
    tables.execute(told.database, gather)
    tables.execute(
        told.database,
        "insert into telemetry.alarm (rule_version, rule_name, terminal_id, group_client_id,"
        " region_code, severity, raised_at, last_at, parent_id, quiet)"
        " select 1, 'silent', t.id, t.group_client_id, t.region_code, 'major', now(), now(), p.id,"
        " true from registry.terminal t, telemetry.alarm p"
        " where t.code in ('M-2', 'M-3') and p.shared is not null",
    )
    await told.post()
    told.clear_alarms("M-1", "M-2")
    tables.execute(
        told.database, "update telemetry.alarm set breached_at = now() where shared = 'city'"
    )
    await told.post()

    seen = {
        name: [
            (change["event"], change["alarm"]["terminal"] or change["alarm"]["count"])
            for request in receiver.requests
            if request.path == f"/{name}"
            for change in request.told["changes"]
        ]
        for name in ("js", "zj", "all")
    }
    own = [("opened", "M-1"), ("opened", 3), ("cleared", "M-1"), ("breached", 3)]
    assert seen == {"js": own, "zj": [], "all": own}


async def test_who_comes_into_a_storm_later_is_told_of_it_once(
    told: Ground, receiver: Target
) -> None:
    """It is there before it has gathered anybody, and gathers others' terminals after theirs."""
    await told.tested(ChannelKind.WEBHOOK, f"{receiver.url}/js")
    await told.tested(ChannelKind.WEBHOOK, f"{receiver.url}/zj", group_client="power-zj")
    await told.tested(ChannelKind.WEBHOOK, f"{receiver.url}/all", region=0)
    receiver.requests.clear()
    tables.execute(
        told.database,
        "insert into telemetry.alarm (rule_version, rule_name, severity, shared, shared_key,"
        " region_code, raised_at, last_at, count)"
        " values (1, 'storm', 'critical', 'profile', 'smart_meter', 0, now(), now(), 3)",
    )
    await told.post()

    def heard() -> dict[str, list[tuple[str, int]]]:
        return {
            name: [
                (change["event"], change["alarm"]["count"])
                for request in receiver.requests
                if request.path == f"/{name}"
                for change in request.told["changes"]
            ]
            for name in ("js", "zj", "all")
        }

    assert heard() == {"js": [], "zj": [], "all": [("opened", 3)]}
    for codes, seen in (
        (["M-1"], {"js": [("opened", 1)], "zj": []}),
        (["M-2"], {"js": [("opened", 1)], "zj": []}),
        (["Z-1"], {"js": [("opened", 1)], "zj": [("opened", 1)]}),
    ):
        tables.execute(
            told.database,
            "insert into telemetry.alarm (rule_version, rule_name, terminal_id, group_client_id,"
            " region_code, severity, raised_at, last_at, parent_id, quiet)"
            " select 1, 'silent', t.id, t.group_client_id, t.region_code, 'major', now(), now(),"
            " p.id, true from registry.terminal t, telemetry.alarm p"
            f" where t.code in ('{codes[0]}') and p.shared is not null",
        )
        await told.post()
        assert heard() == {**seen, "all": [("opened", 3)]}, codes
