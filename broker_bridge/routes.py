"""From a topic to who speaks and how to read it: looked up once, then remembered."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from broker_bridge import decoders, topics
from broker_bridge.decoders import Decode
from broker_bridge.topics import Address, Channel
from registry.directory import Change, Directory
from registry.identifiers import WireName
from registry.model import TerminalId, TerminalRef

MOST_ROUTES = 200_000


class Route(NamedTuple):
    """A terminal and one of its channels; `decode` is None where the codec is not known to us.

    `speaker` finds whom the terminal speaks for by a wire name: itself, or one behind it.
    """

    ref: TerminalRef
    channel: Channel
    decode: Decode | None
    speaker: Callable[[TerminalId, WireName], TerminalRef | None]


class Routes:
    """Routes of known terminals, current with the directory; `known` has those met so far."""

    def __init__(self, prefix: str, directory: Directory) -> None:
        self.known: dict[str, Route] = {}
        self._prefix = prefix
        self._directory = directory
        directory.on_change(self._forget)

    def address(self, topic: str) -> Address | None:
        """Whom the topic names, known or not; None if it is not one of ours."""
        return topics.parse(self._prefix, topic)

    def find(self, topic: str) -> Route | None:
        """The route of a topic; None if it is not one of ours or its terminal is not known."""
        address = self.address(topic)
        ref = None if address is None else self._directory.find(address.code)
        if address is None or ref is None:
            return None
        route = Route(ref, address.channel, decoders.find(ref.profile.codec), self.speaker)
        if len(self.known) >= MOST_ROUTES:
            self.known.clear()
        self.known[topic] = route
        return route

    def speaker(self, sender: TerminalId, name: WireName) -> TerminalRef | None:
        """The terminal of this name behind the sender, or the sender if the name is its own."""
        code = self._directory.wire_names.find(name, sender)
        return None if code is None else self._directory.find(code)

    def _forget(self, change: Change) -> None:
        if change.profiles:
            self.known.clear()
        else:
            self._forget_codes(change.codes)

    def _forget_codes(self, codes: Iterable[str]) -> None:
        for code in codes:
            for channel in Channel:
                self.known.pop(f"{self._prefix}/{code}/{channel}", None)
