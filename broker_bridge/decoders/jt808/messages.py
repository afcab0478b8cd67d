"""Messages that are no positions, each told as one event (JT/T 808-2019, clause 8); pure.

Authentication codes are secrets and identity cards are nobody's business here: both are left out.
"""

from collections.abc import Callable, Mapping

from broker_bridge.decoders.decoded import DecodedEvent, Undecodable
from broker_bridge.decoders.frames import digits, event
from broker_bridge.decoders.jt808.framing import V2019, Header, beijing_us
from telemetry.model import Reason

_SHORTEST_2013 = 37  # of a registration: 2 + 2 + 5 + 20 + 7 + 1
_MOST_PARAMETERS = 255
_RESULTS = {0: "succeeded", 1: "failed", 2: "wrong", 3: "not_supported"}
_CARD = {1: "driver_in", 2: "driver_out"}
_READ = {0: "read", 1: "failed", 2: "failed", 3: "failed", 4: "failed"}


class _Reader:
    """Takes fields off a body; raises `Undecodable` where it ends too early."""

    def __init__(self, body: bytes, position: int) -> None:
        self._body = body
        self.position = position
        """Of the body in its payload."""
        self._at = 0

    def take(self, size: int) -> bytes:
        """The next bytes."""
        data = self._body[self._at : self._at + size]
        if len(data) < size:
            raise Undecodable(Reason.MALFORMED, "the body is cut short", self.position)
        self._at += size
        return data

    def number(self, size: int) -> int:
        """An unsigned number."""
        return int.from_bytes(self.take(size))

    def text(self, size: int) -> str:
        """A text in GBK, filled up with NUL or blanks."""
        return _text(self.take(size))

    def rest(self) -> bytes:
        """What is left."""
        return self.take(self.left)

    @property
    def left(self) -> int:
        """How many bytes were not taken yet."""
        return len(self._body) - self._at


def read(header: Header, body: bytes, position: int) -> DecodedEvent:
    """The event that a message tells; a message of a kind not known here is told by its number."""
    known = _KNOWN.get(header.message)
    if known is None:
        told: dict[str, object] = {"message": f"{header.message:04X}", "bytes": len(body)}
        return event("jt808_message", data=told)
    return known(header, _Reader(body, position))


def _acknowledges(header: Header, reader: _Reader) -> DecodedEvent:
    serial, message, result = reader.number(2), reader.number(2), reader.number(1)
    told: dict[str, object] = {"serial": serial, "message": f"{message:04X}"}
    return event("jt808_answer", data=told | {"result": _RESULTS.get(result, str(result))})


def _heartbeat(header: Header, reader: _Reader) -> DecodedEvent:
    return event("heartbeat")


def _logs_out(header: Header, reader: _Reader) -> DecodedEvent:
    return event("logged_out")


def _registers(header: Header, reader: _Reader) -> DecodedEvent:
    """0100; 2011 has shorter fields than 2013, told by the length of the body alone."""
    if header.version == V2019:
        maker, model, identity = 11, 30, 30
    else:
        maker, model, identity = (5, 20, 7) if reader.left >= _SHORTEST_2013 else (5, 8, 7)
    told: dict[str, object] = {"province": reader.number(2), "city": reader.number(2)}
    told |= {"maker": reader.text(maker), "model": reader.text(model)}
    told |= {"terminal_id": reader.text(identity), "plate_colour": reader.number(1)}
    return event("registers", data=told | {"plate": _text(reader.rest())})


def _authenticates(header: Header, reader: _Reader) -> DecodedEvent:
    """0102: 2019 says the IMEI and the software; the code itself is not kept."""
    if header.version != V2019:
        return event("authenticates")
    reader.take(reader.number(1))
    told: dict[str, object] = {"imei": reader.text(15), "software": reader.text(20)}
    return event("authenticates", data=told)


def _parameters(header: Header, reader: _Reader) -> DecodedEvent:
    """0104: numbers of parameters and their bytes."""
    told: dict[str, object] = {"serial": reader.number(2)}
    values = {}
    for _ in range(reader.number(1)):
        number = f"{reader.number(4):08X}"
        values[number] = reader.take(reader.number(1)).hex()
    return event("parameters", data=told | {"values": values})


def _attributes(header: Header, reader: _Reader) -> DecodedEvent:
    """0107: what the terminal is, and the ICCID of its SIM."""
    maker, model, identity = (11, 30, 30) if header.version == V2019 else (5, 20, 7)
    told: dict[str, object] = {"kind": reader.number(2), "maker": reader.text(maker)}
    told |= {"model": reader.text(model), "terminal_id": reader.text(identity)}
    told |= {"iccid": reader.take(10).hex().upper()}
    told |= {"hardware": reader.text(reader.number(1)), "software": reader.text(reader.number(1))}
    return event("attributes", data=told)


def _driver(header: Header, reader: _Reader) -> DecodedEvent:
    """0702: a driver's card was put in or taken out."""
    card = _CARD.get(reader.number(1))
    if card is None:
        raise Undecodable(Reason.MALFORMED, "the card is neither in nor out", reader.position)
    time_us = beijing_us(reader.take(6))
    told: dict[str, object] = {}
    if card == "driver_in":
        result = reader.number(1)
        told["result"] = _READ.get(result, str(result))
        if not result:
            told |= {"name": reader.text(reader.number(1)), "certificate": reader.text(20)}
            told |= {"issued_by": reader.text(reader.number(1))}
            told |= {"valid_until": digits(reader.take(4))}
    return event(card, time_us=time_us, data=told or None)


def _passes_on(header: Header, reader: _Reader) -> DecodedEvent:
    """0900: data of whatever hangs on the terminal."""
    told: dict[str, object] = {"kind": reader.number(1), "data": reader.rest().hex()}
    return event("passed_on", data=told)


def _text(written: bytes) -> str:
    return written.strip(b"\0 ").decode("gbk", "replace").replace("\0", "")


_KNOWN: Mapping[int, Callable[[Header, _Reader], DecodedEvent]] = {
    0x0001: _acknowledges,
    0x0002: _heartbeat,
    0x0003: _logs_out,
    0x0100: _registers,
    0x0102: _authenticates,
    0x0104: _parameters,
    0x0107: _attributes,
    0x0702: _driver,
    0x0900: _passes_on,
}
