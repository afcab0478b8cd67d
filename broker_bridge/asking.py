"""Asks the database about terminals and metrics that we do not know, before they are refused."""

from broker_bridge.batch import Batch
from broker_bridge.intake import take
from broker_bridge.routes import Routes
from registry.directory import Directory
from telemetry.model import Reason

_MOST_QUESTIONS = 200  # for one batch


class Asking:
    """Who is asked: the routes of topics, and the directory behind them."""

    def __init__(self, routes: Routes, directory: Directory) -> None:
        self._routes = routes
        self._directory = directory

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
