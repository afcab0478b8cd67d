"""Meters with alarms of two clients, channels that lead to targets here, and a postman."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from foundation.database import Pool, open_pool, transaction
from foundation.settings import Settings
from registry.rules import Rules
from registry.scope import Scope
from telemetry.notifications import channels, deliveries, posting
from telemetry.notifications.carriers import Carriers
from telemetry.notifications.model import Channel, ChannelKind, Delivery, Made
from telemetry.notifications.posting import Postman
from tests.conftest import Database
from tests.country import HANGZHOU, NANJING, everything, register, settled
from tests.telemetry import ground

_RAISE = """insert into telemetry.alarm (rule_version, rule_name, terminal_id, group_client_id,
    region_code, severity, metric, value, raised_at, last_at)
    select 1, %s, t.id, t.group_client_id, t.region_code, %s, 'voltage_a', 262.5, now(), now()
    from registry.terminal t where t.code = any (%s)"""
_CLEAR = """update telemetry.alarm a set cleared_at = now(), cleared_because = 'reading'
    from registry.terminal t where t.id = a.terminal_id and t.code = any (%s)"""


@dataclass(frozen=True, slots=True)
class Ground:
    """M-1 to M-3 of `power-js` in Nanjing, Z-1 of `power-zj` in Hangzhou."""

    database: Database
    pool: Pool
    jobs: Pool
    settings: Settings
    rules: Rules
    carriers: Carriers
    postman: Postman

    def another(self) -> Postman:
        """The postman of another process."""
        return Postman(self.jobs, self.rules.seal, self.carriers)

    async def open(
        self, kind: ChannelKind, address: str, scope: Scope = everything, **more: Any
    ) -> Made:
        """A new channel, which has not been tested yet."""
        given = {"group_client": "power-js"} if "region" not in more else {}
        async with transaction(self.pool, scope.settings()) as conn:
            return await channels.create(
                conn, scope, self.rules, self.carriers.egress,
                name=f"a {kind}", kind=kind, address=address, **(given | more),
            )  # fmt: skip

    async def tested(self, kind: ChannelKind, address: str, **more: Any) -> Made:
        """A new channel by which a test has arrived."""
        made = await self.open(kind, address, **more)
        await self.post()
        assert (await self.channel(made.channel.id)).verified_at is not None
        return made

    async def channel(self, number: int) -> Channel:
        """How it goes with a channel."""
        async with transaction(self.pool, everything.settings()) as conn:
            return await channels.find(conn, everything, number)

    async def sent(self, channel: int) -> Sequence[Delivery]:
        """What went out by a channel, oldest first."""
        async with transaction(self.pool, everything.settings()) as conn:
            page = await deliveries.list_page(conn, everything, channel=channel, limit=1000)
        return page.items[::-1]

    def raise_alarms(self, *codes: str, severity: str = "major", rule: str = "too high") -> None:
        """Alarms of these terminals, as the judge raises them."""
        ground.execute(self.database, _RAISE, rule, severity, list(codes))

    def clear_alarms(self, *codes: str) -> None:
        """And as it ends them."""
        ground.execute(self.database, _CLEAR, list(codes))

    def wake(self) -> None:
        """No channel rests any more, and what waits is due: time has gone by."""
        ground.execute(
            self.database,
            "update telemetry.channel_state set resting_until = null, held_until = null,"
            " due_at = case when due_at is not null then now() end",
        )
        ground.execute(
            self.database,
            "update telemetry.notification_item set due_at = now() where delivery_id is null",
        )

    async def post(self, postman: Postman | None = None) -> None:
        """All that is due goes out."""
        postman = postman or self.postman
        busy = 1
        while busy:
            busy = (await posting.spread(self.jobs))[0] + await postman.turn()
            await postman.finish()


@asynccontextmanager
async def prepared(database: Database, **settings: Any) -> AsyncIterator[Ground]:
    """The ground; channels may lead to this machine."""
    given = {
        "secret_key": secrets.token_urlsafe(32),
        "notification_networks": "127.0.0.0/8, ::1/128",
    } | settings
    known = Settings.model_validate(given)
    carriers, rules = Carriers(known), Rules.of(known)
    async with settled(database) as pool:
        await register(pool, "M-1", "M-2", "M-3", region=NANJING)
        await register(pool, "Z-1", region=HANGZHOU, group_client="power-zj")
        ground.execute(database, "update registry.terminal set owner_since = '-infinity'")
        ground.execute(database, "update registry.ownership set valid_from = '-infinity'")
        async with await open_pool(database.jobs, name="jobs", max_size=6) as jobs:
            yield Ground(
                database, pool, jobs, known, rules, carriers, Postman(jobs, rules.seal, carriers)
            )
    await carriers.close()
