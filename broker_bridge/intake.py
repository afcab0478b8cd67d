"""From a delivery to the batch: decoded by the channel it came on, or refused as a whole."""

import json

from broker_bridge import failpoints
from broker_bridge.batch import Batch
from broker_bridge.decoders import DecodedEvent, Undecodable, decode_events
from broker_bridge.decoders.document import exactly, levels, load
from broker_bridge.routes import Route
from broker_bridge.session import Delivery
from broker_bridge.topics import Channel
from telemetry.model import Reason

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
        if route.channel is Channel.TELEMETRY:
            if not ref.state.stores_readings:
                _refuse_state(batch, route, delivery)
            elif route.decode is None:
                batch.refuse(delivery, ref, Reason.MALFORMED, f"no codec {ref.profile.codec}")
            else:
                readings, refused = route.decode(delivery.payload, delivery.received_us)
                batch.add(delivery, ref, readings)
                if refused:
                    batch.refuse_parts(delivery, ref.id, refused)
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
            batch.add_events(delivery, ref, [report(route.channel, delivery.payload)])
    except Undecodable as error:
        batch.refuse(delivery, ref, error.reason, error.detail)


def report(channel: Channel, payload: bytes) -> DecodedEvent:
    """An event without a time of its own, whose data is what was said, a JSON object.

    Raises `Undecodable`.
    """
    document = exactly(payload, load(payload))
    if type(document) is not dict:
        raise Undecodable(Reason.MALFORMED, "not an object")
    said = [text for level in levels(document) for text in level if type(text) is str]
    if any("\0" in text for text in said):
        raise Undecodable(Reason.MALFORMED, "NUL in text")
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
