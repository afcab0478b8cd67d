"""Asks the database about terminals and metrics that we do not know, before they are refused."""

from broker_bridge.batch import Batch
from broker_bridge.intake import take
from broker_bridge.routes import Routes
from foundation.database import Pool, transaction
from registry.directory import Directory
from telemetry import identities
from telemetry.model import Reason

_MOST_QUESTIONS = 200  # for one batch


class Asking:
    """Who is asked: the routes of topics, the directory behind them, and the SIMs' bindings."""

    def __init__(self, routes: Routes, directory: Directory, pool: Pool) -> None:
        self._routes = routes
        self._directory = directory
        self._pool = pool

    async def about(self, batch: Batch) -> None:
        """Take or refuse the strangers of a batch, and learn of metrics that it has.

        Bounded: of more strangers than _MOST_QUESTIONS in one batch the rest is refused unasked.
        """
        asked: set[str] = set()
        while batch.strangers:
            delivery = batch.strangers[0]
            address = self._routes.address(delivery.topic)
            if address is None:
                batch.refuse(delivery, None, Reason.MALFORMED, "the topic is none of ours")
            else:
                if address.code not in asked and len(asked) < _MOST_QUESTIONS:
                    await self._directory.ask(address.code)
                    asked.add(address.code)
                route = self._routes.find(delivery.topic)
                if route is None:
                    said = f"there is no terminal {address.code}"
                    batch.refuse(delivery, None, Reason.UNKNOWN_TERMINAL, said)
                else:
                    take(batch, route, delivery)
            batch.strangers.popleft()
        for profile_id, metric in batch.unknown_metrics()[:_MOST_QUESTIONS]:
            profile = await self._directory.ask_metric(profile_id, metric)
            if profile is not None:
                batch.know(profile)
        if batch.said:
            await self._about_identities(batch)

    async def _about_identities(self, batch: Batch) -> None:
        """Refuse what comes from where it must not: what says nothing of itself is not asked of."""
        async with transaction(self._pool) as conn:
            refused = await identities.refuse(conn, [word for _, word in batch.said])
        if refused:
            wrong = {
                batch.said[k][0]: (batch.said[k][1].terminal_id, why) for k, why in refused.items()
            }
            batch.withdraw(wrong)
