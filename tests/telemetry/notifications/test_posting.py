"""Who is to be told is told, once, in order, whatever the target does."""

import asyncio
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from foundation.database import transaction
from telemetry.notifications import channels, posting
from telemetry.notifications.model import ChannelKind, DeliveryState
from telemetry.notifications.posting import Postman
from tests.conftest import Database
from tests.country import JIANGSU, everything
from tests.telemetry import ground as tables
from tests.telemetry.notifications.ground import Ground, prepared
from tests.telemetry.notifications.receiving import Request, Target, answer


def told_by(requests: list[Request]) -> list[tuple[str, str]]:
    """AlarmEvent and terminal of all changes, in the order in which they came."""
    changes = [change for request in requests for change in request.told["changes"]]
    return [(change["event"], change["alarm"]["terminal"]) for change in changes]


def is_signed(request: Request, secret: str) -> bool:
    """Whether a receiver that knows the secret believes a request, as the guide says."""
    stamp, *marks = request.headers["muster-signature"].split(",")
    signed = stamp.removeprefix("t=").encode() + b"." + request.body
    mark = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"v1={mark}" in marks


async def test_an_alarm_is_told_when_it_opens_and_when_it_is_over(
    told: Ground, receiver: Target
) -> None:
    """By a webhook that a test has verified; signed, with all that is known of the alarm."""
    made = await told.tested(ChannelKind.WEBHOOK, receiver.url)
    told.raise_alarms("M-1")
    await told.post()
    told.clear_alarms("M-1")
    await told.post()

    test, opened, cleared = receiver.requests
    assert made.secret is not None
    assert all(is_signed(request, made.secret) for request in receiver.requests)
    assert not is_signed(opened, "another")
    assert (test.told["form"], test.told["changes"]) == ("test", [])
    assert told_by([opened, cleared]) == [("opened", "M-1"), ("cleared", "M-1")]
    alarm = opened.told["changes"][0]["alarm"]
    assert {name: alarm[name] for name in ("severity", "rule_name", "group_client", "value")} == {
        "severity": "major", "rule_name": "too high", "group_client": "power-js", "value": 262.5,
    }  # fmt: skip
    states = [(d.form, d.changes, d.state, d.status) for d in await told.sent(made.channel.id)]
    assert states == [
        ("test", 0, "delivered", 200),
        ("alarms", 1, "delivered", 200),
        ("alarms", 1, "delivered", 200),
    ]
    numbers = [request.headers["muster-delivery"] for request in receiver.requests]
    assert numbers == [str(d.id) for d in await told.sent(made.channel.id)]


async def test_nobody_is_told_by_a_channel_that_no_test_has_verified(
    told: Ground, receiver: Target
) -> None:
    """The test is refused: what comes up meanwhile is not sent there."""
    receiver.answering = lambda request: answer(500)
    made = await told.open(ChannelKind.WEBHOOK, receiver.url)
    await told.post()
    receiver.answering = lambda request: answer(200)
    told.raise_alarms("M-1")
    told.wake()
    await told.post()

    assert [request.told["form"] for request in receiver.requests] == ["test"]
    assert [d.state for d in await told.sent(made.channel.id)] == [DeliveryState.FAILED]


async def test_channels_tell_what_their_owner_sees(told: Ground, receiver: Target) -> None:
    """A client's its own alarms, a province's those in it, headquarters' all."""
    channels_of: dict[str, dict[str, Any]] = {
        "js": {}, "zj": {"group_client": "power-zj"}, "jiangsu": {"region": JIANGSU},
        "all": {"region": 0},
    }  # fmt: skip
    for name, owner in channels_of.items():
        await told.tested(ChannelKind.WEBHOOK, f"{receiver.url}/{name}", **owner)
    receiver.requests.clear()
    told.raise_alarms("M-1", "Z-1")
    await told.post()

    seen = {
        name: sorted(told_by([r for r in receiver.requests if r.path == f"/{name}"]))
        for name in channels_of
    }
    both = [("opened", "M-1"), ("opened", "Z-1")]
    assert seen == {"js": both[:1], "zj": both[1:], "jiangsu": both[:1], "all": both}


async def test_only_what_is_wished_is_told(told: Ground, receiver: Target) -> None:
    """By severity and by event."""
    await told.tested(
        ChannelKind.WEBHOOK, receiver.url, severities=["critical", "minor"], events=["cleared"]
    )
    receiver.requests.clear()
    told.raise_alarms("M-1", severity="critical")
    told.raise_alarms("M-2", severity="major")
    told.clear_alarms("M-1", "M-2")
    await told.post()

    assert told_by(receiver.requests) == [("cleared", "M-1")]


async def test_what_a_target_does_not_take_goes_out_again_as_the_same(
    told: Ground, receiver: Target
) -> None:
    """The same number and changes, after a rest; what came up meanwhile follows it, in order."""
    made = await told.tested(ChannelKind.WEBHOOK, receiver.url)
    receiver.requests.clear()
    receiver.answering = lambda request: answer(503, b"", "Retry-After: 120")
    told.raise_alarms("M-1")
    await told.post()
    told.clear_alarms("M-1")
    await told.post()
    resting = tables.read(
        told.database,
        "select resting_until > now() + interval '60 s' as r from telemetry.channel_state",
    )
    assert [row["r"] for row in resting] == [True]
    assert len(receiver.requests) == 1
    assert (await told.channel(made.channel.id)).failures == 1
    receiver.answering = lambda request: answer(200)
    told.wake()
    await told.post()

    first, again, later = receiver.requests
    assert first.told["changes"][0]["id"] == again.told["changes"][0]["id"]
    assert first.headers["muster-delivery"] == again.headers["muster-delivery"]
    assert told_by([again, later]) == [("opened", "M-1"), ("cleared", "M-1")]
    kept = await told.sent(made.channel.id)
    assert [(d.state, d.tries) for d in kept[1:]] == [("delivered", 2), ("delivered", 1)]
    assert (await told.channel(made.channel.id)).failures == 0


async def test_what_is_never_taken_is_given_up_and_the_next_one_tried(
    told: Ground, receiver: Target
) -> None:
    """After twelve tries; each was recorded."""
    made = await told.tested(ChannelKind.WEBHOOK, receiver.url)
    receiver.answering = lambda request: answer(500)
    told.raise_alarms("M-1")
    for _ in range(posting.MOST_TRIES):
        await told.post()
        told.wake()
    receiver.answering = lambda request: answer(200)
    told.raise_alarms("M-2")
    await told.post()

    kept = [(d.state, d.tries, d.status, d.problem) for d in await told.sent(made.channel.id)]
    assert kept[1:] == [("failed", 12, 500, "refused"), ("delivered", 1, 200, None)]


async def test_a_target_that_is_gone_is_asked_no_more_until_a_test_arrives(
    told: Ground, receiver: Target
) -> None:
    """410 stops a channel at once; a test that is taken starts it again."""
    made = await told.tested(ChannelKind.WEBHOOK, receiver.url)
    receiver.answering = lambda request: answer(410)
    told.raise_alarms("M-1")
    await told.post()
    told.raise_alarms("M-2")
    await told.post()
    assert (await told.channel(made.channel.id)).stopped_because == "gone"
    assert len(receiver.requests) == 2
    receiver.answering = lambda request: answer(200)
    async with transaction(told.pool, everything.settings()) as conn:
        await channels.test(conn, everything, made.channel.id)
    await told.post()
    told.raise_alarms("M-3")
    await told.post()

    assert (await told.channel(made.channel.id)).stopped_because is None
    assert told_by(receiver.requests[-1:]) == [("opened", "M-3")]


async def test_a_target_that_fails_for_a_day_is_stopped(told: Ground, receiver: Target) -> None:
    """What waits for it is dropped, and recorded as such."""
    made = await told.tested(ChannelKind.WEBHOOK, receiver.url)
    receiver.answering = lambda request: answer(500)
    told.raise_alarms("M-1")
    await told.post()
    told.raise_alarms("M-2", "M-3")
    await told.post()
    tables.execute(
        told.database,
        "update telemetry.channel_state set failing_since = now() - interval '25 hours'",
    )
    told.wake()
    await told.post()
    told.wake()
    await told.post()

    assert (await told.channel(made.channel.id)).stopped_because == "unreachable"
    kept = [(d.state, d.changes) for d in await told.sent(made.channel.id)]
    assert sorted(kept[1:]) == [("dropped", 1), ("dropped", 2)]


async def test_two_processes_tell_everything_once(told: Ground, receiver: Target) -> None:
    """However they race for what is due."""
    for name in ("a", "b", "c"):
        await told.tested(ChannelKind.WEBHOOK, f"{receiver.url}/{name}")
    receiver.requests.clear()
    other = told.another()
    for code in ("M-1", "M-2", "M-3"):
        told.raise_alarms(code, rule=f"rule {code}")
        await asyncio.gather(told.post(), told.post(other))
    await told.post()

    seen = sorted((r.path, *pair) for r in receiver.requests for pair in told_by([r]))
    assert seen == [
        (f"/{name}", "opened", code) for name in "abc" for code in ("M-1", "M-2", "M-3")
    ]


async def _killed(*given: object) -> None:
    raise asyncio.CancelledError


async def test_what_a_process_leaves_behind_is_sent_by_another(
    told: Ground, receiver: Target
) -> None:
    """Killed between taking a channel up and saying what became of it: the same number again."""
    made = await told.tested(ChannelKind.WEBHOOK, receiver.url)
    receiver.requests.clear()
    told.raise_alarms("M-1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Postman, "_record", _killed)
        await told.post(told.another())
    await told.post()
    assert len(receiver.requests) == 1  # the lease is not over yet
    told.wake()
    await told.post()

    first, again = receiver.requests
    assert first.headers["muster-delivery"] == again.headers["muster-delivery"]
    assert [d.state for d in await told.sent(made.channel.id)][1:] == ["delivered"]


async def test_a_renewed_secret_signs_beside_the_one_before(told: Ground, receiver: Target) -> None:
    """For a day either is believed; then the new one alone."""
    made = await told.tested(ChannelKind.WEBHOOK, receiver.url)
    async with transaction(told.pool, everything.settings()) as conn:
        renewed = await channels.renew_secret(conn, everything, told.rules, made.channel.id)
    told.raise_alarms("M-1")
    await told.post()
    tables.execute(told.database, "update telemetry.notification_channel set former_until = now()")
    told.raise_alarms("M-2")
    await told.post()

    assert made.secret is not None
    assert renewed.secret is not None
    believed = [
        (is_signed(request, made.secret), is_signed(request, renewed.secret))
        for request in receiver.requests[-2:]
    ]
    assert believed == [(True, True), (False, True)]


async def test_an_alertmanager_hears_again_of_what_is_open(told: Ground, receiver: Target) -> None:
    """After a while, and not of what is over; other channels are told once, however long ago."""
    made = await told.tested(ChannelKind.ALERTMANAGER, receiver.url)
    webhook = await told.tested(ChannelKind.WEBHOOK, receiver.url)
    told.raise_alarms("M-1", "M-2")
    await told.post()
    at_once = await posting.tell_again(told.jobs)
    passed = (
        "update telemetry.alarm_change set at = now() - interval '9 days'",
        "update telemetry.notification_delivery set ended_at = ended_at - interval '1 hour'",
    )
    for statement in passed:
        tables.execute(told.database, statement)
    await posting.forget(told.jobs, 1)
    told.clear_alarms("M-2")
    receiver.requests.clear()
    again = await posting.tell_again(told.jobs)
    told.clear_alarms("M-1")
    await told.post()

    assert (at_once, again) == (0, 1)
    [alerts] = [r.told for r in receiver.requests if r.path == "/api/v2/alerts"]
    assert {alert["labels"]["terminal"] for alert in alerts} == {"M-1", "M-2"}
    assert all(datetime.fromisoformat(alert["endsAt"]) <= datetime.now(UTC) for alert in alerts)
    assert [d.changes for d in await told.sent(made.channel.id)] == [0, 2, 3]
    assert [d.changes for d in await told.sent(webhook.channel.id)] == [0, 2, 2]


async def test_a_shelved_alarm_is_told_nothing_of(told: Ground, receiver: Target) -> None:
    """But that it was shelved, to who wants to know."""
    await told.tested(ChannelKind.WEBHOOK, receiver.url, events=["opened", "shelved", "cleared"])
    receiver.requests.clear()
    told.raise_alarms("M-1")
    await told.post()
    tables.execute(
        told.database, "update telemetry.alarm set shelved_until = now() + interval '1 hour'"
    )
    told.clear_alarms("M-1")
    await told.post()

    assert told_by(receiver.requests) == [("opened", "M-1"), ("shelved", "M-1")]


async def test_what_went_out_long_ago_is_forgotten(told: Ground, receiver: Target) -> None:
    """After its days, and no sooner."""
    made = await told.tested(ChannelKind.WEBHOOK, receiver.url)
    told.raise_alarms("M-1")
    await told.post()
    assert await posting.forget(told.jobs, 30) == 0
    for column, table in (("ended_at", "notification_delivery"), ("at", "alarm_change")):
        tables.execute(told.database, f"update telemetry.{table} set {column} = '2026-01-01'")
    told.raise_alarms("M-2")
    await told.post()
    await posting.forget(told.jobs, 30)

    assert [d.changes for d in await told.sent(made.channel.id)] == [1]
    assert len(tables.read(told.database, "select from telemetry.alarm_change")) <= 2


@pytest.mark.timeout(900)
async def test_a_hundred_thousand_alarms_at_once_are_told_in_few_pieces(
    database: Database, receiver: Target
) -> None:
    """A program gets each of them once, a hundred at a time; people ten messages with sums."""
    async with prepared(database, sms_url=f"{receiver.url}/sms") as told:
        await told.tested(ChannelKind.WEBHOOK, f"{receiver.url}/hook")
        by_sms = await told.tested(ChannelKind.SMS, "+8613800000000")
        receiver.requests.clear()
        tables.execute(
            database,
            "insert into telemetry.alarm (rule_version, rule_name, terminal_id, group_client_id,"
            " region_code, severity, raised_at, last_at)"
            " select 1, 'storm', t.id, t.group_client_id, t.region_code, 'major', now(), now()"
            " from registry.terminal t, generate_series(1, 100000) where t.code = 'M-1'",
        )
        for _ in range(11):
            await told.post()
            told.wake()
        await told.post()

        hooks = [r for r in receiver.requests if r.path == "/hook"]
        texts = [r for r in receiver.requests if r.path == "/sms"]
        numbers = [change["id"] for r in hooks for change in r.told["changes"]]
        assert len(hooks) == 1000
        assert (len(numbers), len(set(numbers))) == (100_000, 100_000)
        assert numbers == sorted(numbers)
        assert len(texts) <= 11
        assert sum(d.changes for d in await told.sent(by_sms.channel.id)) == 100_000


async def test_quiet_hours_and_digests_hold_back_what_is_not_urgent(told: Ground) -> None:
    """By the zone's own time of day, over midnight too; a digest that falls into them waits on."""
    asked = """select telemetry.notification_due(jsonb_populate_record(
            null::telemetry.notification_channel, %s), %s, %s) as due"""
    night = {"time_zone": "Asia/Shanghai", "quiet_from": "22:00", "quiet_to": "07:00",
             "urgent": ["critical"], "digest_seconds": 0}  # fmt: skip
    noon = night | {"quiet_from": "12:00", "quiet_to": "13:00"}
    hourly = night | {"digest_seconds": 3600}

    def due(channel: dict[str, Any], severity: str, at: str) -> str:
        [row] = tables.read(told.database, asked, Jsonb(channel), severity, f"2026-11-28T{at}Z")
        return f"{row['due'].astimezone(UTC):%d %H:%M}"

    assert due(night, "major", "14:30") == "28 23:00"  # 22:30 there: at 7
    assert due(night, "major", "20:00") == "28 23:00"  # 4:00 there: at 7 of the same day
    assert due(night, "major", "23:00") == "28 23:00"  # 7:00 there: at once
    assert due(night, "critical", "14:30") == "28 14:30"
    assert due(noon, "major", "04:15") == "28 05:00"
    assert due(noon, "major", "05:00") == "28 05:00"
    assert due(hourly, "major", "02:10") == "28 03:00"
    assert due(hourly, "major", "13:10") == "28 23:00"  # its digest of 22:00 there is in the night
    assert due(hourly, "critical", "02:10") == "28 02:10"
