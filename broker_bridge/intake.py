"""From a delivery to the batch: decoded by the channel it came on, or refused as a whole."""

import json
from collections.abc import Sequence
from typing import Any

from broker_bridge import failpoints
from broker_bridge.batch import Batch, Piece
from broker_bridge.decoders import DecodedEvent, Said, Undecodable, decode_events, fit
from broker_bridge.decoders.document import Refusals, exactly, levels, load
from broker_bridge.decoders.identity import introduction
from broker_bridge.routes import Route
from broker_bridge.session import Delivery
from broker_bridge.topics import Channel
from registry.model import TerminalId, TerminalRef
from telemetry.model import Reason

_TELEMETRY = Channel.TELEMETRY  # looked up once, not for each message
# What terminals say of themselves is kept as events of these codes, until more is made of it.
_REPORTS = {
    Channel.HELLO: "hello",
    Channel.STATUS: "session",
    Channel.REPLY: "reply",
    Channel.REPORTED: "reported",
}


@failpoints.dropping
def take(batch: Batch, route: Route, delivery: Delivery) -> None:
    """Put a delivery's parts into the batch, as readings, as events or as refused."""
    ref = route.ref
    try:
        if route.channel is _TELEMETRY:
            if not ref.state.stores_readings:
                _refuse_state(batch, route, delivery)
            elif route.decode is None:
                batch.refuse(delivery, ref, Reason.MALFORMED, f"no codec {ref.profile.codec}")
            else:
                options = ref.profile.codec_options
                each = route.decode(delivery.payload, delivery.received_us, options)
                said = each[0]
                if len(each) > 1 or said.speaker is not None or said.events or said.fragments:
                    batch.tolerated += sum(len(one.tolerated) for one in each)
                    _take_each(batch, route, delivery, each)
                else:
                    if said.tolerated:
                        batch.tolerated += len(said.tolerated)
                    if said.units is not None:
                        said = fit(said, ref.profile)
                    batch.add(delivery, ref, said.readings)
                    if said.identity is not None:
                        batch.hear(delivery, ref, said.identity)
                    if said.refused:
                        batch.refuse_parts(delivery, ref.id, said.refused)
        elif route.channel is Channel.EVENT:
            if not ref.state.stores_readings:
                _refuse_state(batch, route, delivery)
            else:
                events, refused = decode_events(delivery.payload, delivery.received_us)
                batch.add_events(delivery, ref, events)
                batch.refuse_parts(delivery, ref.id, refused)
        elif not ref.state.may_connect:
            _refuse_state(batch, route, delivery)
        else:
            document = read_report(delivery.payload)
            batch.add_events(delivery, ref, [report(route.channel, document)])
            if route.channel is Channel.HELLO:
                refusals = Refusals(0)
                batch.hear(delivery, ref, introduction(document, refusals), starts=True)
                batch.refuse_parts(delivery, ref.id, refusals.parts)
    except Undecodable as error:
        batch.refuse(delivery, ref, error.reason, error.detail)


def _take_each(batch: Batch, route: Route, delivery: Delivery, each: Sequence[Said]) -> None:
    """Put into the batch what each speaker says, if it is this terminal or one behind it."""
    taken: dict[TerminalId, tuple[TerminalRef, Said]] = {}
    refused: list[tuple[TerminalRef, Reason, str]] = []
    for said in each:
        name = said.speaker
        ref = route.ref if name is None else route.speaker(route.ref.id, name)
        if ref is None:
            why = f"nobody behind {route.ref.code} calls itself {name}"
            refused.append((route.ref, Reason.WRONG_IDENTITY, why))
        elif not ref.state.stores_readings:
            why = f"{name}: the terminal {ref.code} is {ref.state.value}"
            refused.append((ref, Reason.NOT_IN_SERVICE, why))
        else:
            _, before = taken.get(ref.id, (ref, Said((), ())))
            taken[ref.id] = ref, _together(before, fit(said, ref.profile))
            profile = route.ref.profile
            batch.pieces += (
                Piece(delivery, ref, fragment, profile.codec, profile.codec_options)
                for fragment in said.fragments
            )
    if taken:
        batch.add_each(delivery, list(taken.values()))
    else:
        ref, reason, why = refused.pop(0)
        batch.refuse(delivery, ref, reason, why)
    for ref, reason, why in refused:
        batch.refuse_part(delivery, ref.id, reason, why)


def _together(first: Said, second: Said) -> Said:
    """What one terminal says in two frames of a message."""
    return second._replace(
        readings=[*first.readings, *second.readings],
        refused=[*first.refused, *second.refused],
        events=[*first.events, *second.events],
        identity=second.identity or first.identity,
    )


def read_report(payload: bytes) -> dict[str, Any]:
    """What a terminal says of itself, a JSON object; raises `Undecodable`."""
    document = exactly(payload, load(payload))
    if type(document) is not dict:
        raise Undecodable(Reason.MALFORMED, "not an object")
    said = [text for level in levels(document) for text in level if type(text) is str]
    if any("\0" in text for text in said):
        raise Undecodable(Reason.MALFORMED, "NUL in text")
    return document


def report(channel: Channel, document: dict[str, Any]) -> DecodedEvent:
    """An event without a time of its own, whose data is what was said; raises `Undecodable`."""
    session = True if channel is Channel.HELLO else None
    if channel is Channel.STATUS:
        if document.get("session") not in ("online", "offline"):
            raise Undecodable(Reason.MALFORMED, "session is neither online nor offline")
        session = document["session"] == "online"
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return DecodedEvent(
        None, None, None, None, _REPORTS[channel], "indeterminate", None, data, session
    )


def _refuse_state(batch: Batch, route: Route, delivery: Delivery) -> None:
    said = f"the terminal is {route.ref.state.value}"
    batch.refuse(delivery, route.ref, Reason.NOT_IN_SERVICE, said)
