"""Channels: what may be said of them, what is kept of them, and whose they are."""

from datetime import time
from typing import Any

import pytest

from foundation.database import transaction
from foundation.egress import AddressRefused
from registry import regions, users
from registry.scope import Role, Scope
from telemetry.notifications import channels, own
from telemetry.notifications.model import ChannelInvalid, ChannelKind, ChannelNotFound
from tests.conftest import Database
from tests.country import JIANGSU, everything
from tests.telemetry import ground as tables
from tests.telemetry.notifications.ground import Ground, prepared
from tests.telemetry.notifications.receiving import Target

SECRET_PATH = "/hook/of-nobody-elses-business"


async def test_an_address_inside_is_refused_when_it_is_set(database: Database) -> None:
    """B39: and nothing is left behind."""
    async with prepared(database, notification_networks="") as told:
        for address in ("https://127.0.0.1/", "https://169.254.169.254/", "file:///etc/passwd"):
            with pytest.raises(AddressRefused):
                await told.open(ChannelKind.WEBHOOK, address)
        for kind, address in ((ChannelKind.MAIL, "no mail"), (ChannelKind.SMS, "12")):
            with pytest.raises(AddressRefused):
                await told.open(kind, address)

    assert tables.read(database, "select from telemetry.notification_channel") == []


async def test_addresses_and_secrets_lie_sealed_and_are_never_shown(
    told: Ground, receiver: Target
) -> None:
    """Neither the database nor an answer has them; another row does not open them."""
    made = await told.tested(ChannelKind.WEBHOOK, receiver.url + SECRET_PATH)
    assert made.secret is not None
    kept = str(tables.read(told.database, "select * from telemetry.notification_channel"))
    audit = str(tables.read(told.database, "select changes from registry.audit"))
    shown = repr(await told.channel(made.channel.id)) + repr(made)

    for text in (kept, audit, shown):
        assert SECRET_PATH not in text
        assert made.secret not in text
    other = await told.tested(ChannelKind.WEBHOOK, f"{receiver.url}/other")
    tables.execute(
        told.database,
        "update telemetry.notification_channel t set sealed_address = f.sealed_address"
        " from telemetry.notification_channel f where f.id = %s and t.id = %s",
        made.channel.id, other.channel.id,
    )  # fmt: skip
    receiver.requests.clear()
    told.raise_alarms("M-1")
    await told.post()
    assert [request.path for request in receiver.requests] == [SECRET_PATH]
    assert (await told.sent(other.channel.id))[-1].problem == "seal_broken"


async def test_what_cannot_be_wished_is_refused(told: Ground, receiver: Target) -> None:
    """Each with the field that is wrong."""
    wrong: list[dict[str, Any]] = [
        {"severities": []}, {"events": ["eaten"]}, {"urgent": ["loud"]}, {"digest_seconds": -1},
        {"time_zone": "Mars/Olympus"}, {"quiet_from": time(22), "quiet_to": None},
        {"quiet_from": time(22), "quiet_to": time(22)},
    ]  # fmt: skip
    for wishes in wrong:
        with pytest.raises(ChannelInvalid) as refused:
            await told.open(ChannelKind.WEBHOOK, receiver.url, **wishes)
        assert refused.value.field in wishes
    with pytest.raises(ChannelInvalid):
        await told.open(ChannelKind.ALERTMANAGER, receiver.url, events=["shelved"])
    with pytest.raises(ChannelInvalid):
        await told.open(ChannelKind.MAIL, "a@example.org", secret="x")


async def test_a_persons_own_tells_what_that_person_sees_and_nobody_else_sees_it(
    database: Database, receiver: Target
) -> None:
    """By SMS, of one province; who is out of force is told nothing more."""
    async with prepared(database, sms_url=receiver.url) as told:
        async with transaction(told.pool, everything.settings()) as conn:
            await users.appoint(
                conn, everything, name="li", password="four words are enough",
                role=Role.SUPERVISOR, region=JIANGSU,
            )  # fmt: skip
            region = (await regions.find(conn, everything, JIANGSU)).range
        scope = Scope.of_role("user:li", Role.SUPERVISOR, region=region).of_person(None)
        async with transaction(told.pool, scope.settings()) as conn:
            mine = await own.put(
                conn, scope, told.rules, told.carriers.egress, ChannelKind.SMS,
                address="+8613800001234", language="en",
            )  # fmt: skip
        await told.post()
        told.raise_alarms("M-1")
        told.raise_alarms("Z-1")
        told.wake()
        await told.post()
        told.wake()
        await told.post()
        tables.execute(database, "update registry.user_account set disabled_at = now()")
        told.raise_alarms("M-2")
        told.wake()
        await told.post()
        async with transaction(told.pool, everything.settings()) as conn:
            listed = await channels.list_page(conn, everything)
            with pytest.raises(ChannelNotFound):
                await channels.find(conn, everything, mine.id)

    assert mine.shown == "+86138****1234"
    assert listed.items == []
    assert [request.told["to"] for request in receiver.requests] == ["+8613800001234"] * 2
    assert "M-1" in receiver.requests[1].told["text"]
