"""Answers of meters in DL/T 645-2007, as a concentrator or a transparent DTU passes them on.

    FE FE FE FE  68  A0..A5  68  C  L  data  CS  16         clause 5; data are each byte plus 33H

One payload may hold the frames of several meters: each speaks for the terminal of its address
behind this gateway. An answer to a read (11H) gives readings, which tell no time; what a meter
answers otherwise gives an event. The standard's check is a sum: a frame whose sum fits and that
carries other values was sent so.

A block that goes on in further frames (the follow-up bit of C, then 12H with a number) is decoded
when all of it is there.
"""

from collections.abc import Iterator, Mapping

from broker_bridge.decoders import dlt645_items
from broker_bridge.decoders.decoded import (
    Decoded,
    DecodedEvent,
    Fragment,
    Missing,
    Options,
    Said,
    Scalar,
    Undecodable,
)
from broker_bridge.decoders.frames import digits, event, raw
from registry.identifiers import WireName
from telemetry.model import Reason

_UNITS: Mapping[str, str | None] = dlt645_items.every_unit()
_START, _END, _WAKE = 0x68, 0x16, 0xFE
_HEAD = 10  # 68, six of address, 68, C, L
_MOST_DATA = 200  # clause 5.2.5: 200 in reading, 50 in writing

_FROM_METER, _ABNORMAL, _FOLLOWS = 0x80, 0x40, 0x20
_READ, _READ_ON, _READ_ADDRESS = 0x11, 0x12, 0x13

# Bits of the error word: clause 7.2, table of ERR
_ERRORS = (
    "other", "no_such_data", "wrong_password", "speed_cannot_change", "too_many_year_zones",
    "too_many_day_periods", "too_many_rates", "reserved",
)  # fmt: skip
# Other functions of the control code, clause 5.2.4: what they answer is told as an event.
_FUNCTIONS = {
    0x08: "time_broadcast", 0x14: "written", 0x15: "address_written", 0x16: "frozen",
    0x17: "speed_changed", 0x18: "password_changed", 0x19: "demand_cleared", 0x1A: "meter_cleared",
    0x1B: "events_cleared", 0x1C: "switched", 0x1D: "output_set",
}  # fmt: skip


def decode(payload: bytes, received_us: int, options: Options) -> list[Said]:
    """What each meter says; see `decoded.Decode`. With `lenient`, a wrong sum is tolerated."""
    data = raw(payload, options)
    said = [
        _said(position, data[position : position + length], bool(options.get("lenient")))
        for position, length in _frames(data)
    ]
    if not said:
        raise Undecodable(Reason.MALFORMED, "there is no frame", len(data))
    return said


def _frames(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each frame begins, behind its wake-up bytes, and how long it is."""
    position = 0
    while position < len(data):
        if data[position] == _WAKE:
            position += 1
            continue
        if data[position] != _START:
            said = f"{data[position]:02X} stands where a frame begins with 68"
            raise Undecodable(Reason.MALFORMED, said, position)
        if len(data) < position + _HEAD:
            raise Undecodable(Reason.MALFORMED, "the frame ends in its head", len(data))
        if data[position + 7] != _START:
            raise Undecodable(Reason.MALFORMED, "no 68 behind the address", position + 7)
        size = data[position + 9]
        if size > _MOST_DATA:
            said = f"{size} bytes of data; at most {_MOST_DATA}"
            raise Undecodable(Reason.MALFORMED, said, position + 9)
        length = _HEAD + size + 2
        if len(data) < position + length:
            raise Undecodable(Reason.MALFORMED, "the frame is cut short", len(data))
        if data[position + length - 1] != _END:
            raise Undecodable(Reason.MALFORMED, "no 16 at the end", position + length - 1)
        yield position, length
        position += length


def _said(position: int, frame: bytes, lenient: bool) -> Said:
    tolerated = []
    if sum(frame[:-2]) % 256 != frame[-2]:
        if not lenient:
            why = f"the sum is {sum(frame[:-2]) % 256:02X}, not {frame[-2]:02X}"
            raise Undecodable(Reason.MALFORMED, why, position + len(frame) - 2)
        tolerated.append("checksum")
    address = digits(frame[6:0:-1])
    if address is None or not int(address):
        raise Undecodable(Reason.MALFORMED, "the address is none of a meter", position + 1)
    control = frame[8]
    if not control & _FROM_METER:
        raise Undecodable(Reason.MALFORMED, "this is a question, not an answer", position + 8)
    data = bytes((byte - 0x33) % 256 for byte in frame[_HEAD:-2])
    function = control & 0x1F
    speaker = WireName.of("meter_address", address)
    said = Said((), (), speaker=speaker, units=_UNITS, offers=True, tolerated=tolerated)
    if control & _ABNORMAL:
        return said._replace(events=[_error(function, data)])
    if function == _READ_ADDRESS:
        return said._replace(events=[event("meter_address", data={"address": address})])
    if function not in (_READ, _READ_ON):
        code = _FUNCTIONS.get(function, f"function_{function:02x}")
        return said._replace(events=[event(f"meter_{code}")])
    if len(data) < (4 if function == _READ else 5):
        raise Undecodable(Reason.MALFORMED, "no data identifier", position + _HEAD)
    follows = bool(control & _FOLLOWS)
    if function == _READ and not follows:
        return _read(said, data, position + _HEAD)
    number = 1 if function == _READ else 1 + data[-1]
    key = f"{address}/{int.from_bytes(data[3::-1]):08X}"
    body = data[4:] if function == _READ else data[4:-1]
    part = Fragment(key, number, 0 if follows else number, body)
    return said._replace(fragments=(part,))


def join(key: str, body: bytes, options: Options) -> Said:
    """What a block says that came in several frames; `key` is that of its fragments."""
    address, identifier = key.split("/")
    speaker = WireName.of("meter_address", address)
    said = Said((), (), speaker=speaker, units=_UNITS, offers=True)
    return _read(said, bytes.fromhex(identifier)[::-1] + body, 0)


def _error(function: int, data: bytes) -> DecodedEvent:
    word = data[0] if data else 0
    errors = [name for bit, name in enumerate(_ERRORS) if word >> bit & 1]
    return event("meter_refuses", "warning", data={"function": function, "errors": errors})


def _read(said: Said, data: bytes, position: int) -> Said:
    """The answer to a read: an identifier and its data."""
    identifier = int.from_bytes(data[3::-1])
    rest, position = data[4:], position + 4
    if identifier in (dlt645_items.DATE, dlt645_items.TIME):
        return _clock(said, identifier, rest, position)
    if identifier >> 8 == dlt645_items.STATUS:
        return _status(said, identifier & 0xFF, rest, position)
    found = dlt645_items.items(identifier)
    if found is None:
        told = {"identifier": f"{identifier:08X}", "data": rest.hex()}
        return said._replace(events=[event("meter_data", data=told)])
    wanted, block = found
    values: dict[str, Scalar] = {}
    missing: list[Missing] = []
    at = 0
    for item in wanted:
        if at == len(rest) and block:
            break
        written = rest[at : at + item.size]
        if len(written) < item.size:
            raise Undecodable(Reason.MALFORMED, f"{item.metric} is cut short", position + at)
        _put(item, written, values, missing, position + at)
        at += item.size
    else:
        if at < len(rest):
            said_more = f"{len(rest) - at} bytes too many behind {identifier:08X}"
            raise Undecodable(Reason.MALFORMED, said_more, position + at)
    readings = [Decoded(None, None, None, None, values)] if values else []
    return said._replace(readings=readings, missing=missing)


def _put(
    item: dlt645_items.Item,
    written: bytes,
    values: dict[str, Scalar],
    missing: list[Missing],
    position: int,
) -> None:
    if not written.strip(b"\xff"):
        missing.append(Missing(item.metric, "the meter has none (FF)"))
        return
    negative = item.signed and bool(written[-1] & 0x80)
    highest = written[-1] & 0x7F if item.signed else written[-1]
    number = digits(bytes((highest,)) + written[-2::-1])
    if number is None:
        said = f"{item.metric} is no decimal number: {written.hex()}"
        raise Undecodable(Reason.MALFORMED, said, position)
    value = int(number) / 10**item.decimals if item.decimals else int(number)
    values[item.metric] = -value if negative else value


def _clock(said: Said, identifier: int, rest: bytes, position: int) -> Said:
    """The meter's own calendar, which is an event: it says how wrong the meter's clock is."""
    size = 4 if identifier == dlt645_items.DATE else 3
    number = digits(rest[::-1])
    if len(rest) != size or number is None:
        raise Undecodable(Reason.MALFORMED, "no date or time in digits", position)
    if identifier == dlt645_items.DATE:
        told: dict[str, object] = {"date": f"20{number[:2]}-{number[2:4]}-{number[4:6]}"}
    else:
        told = {"time": f"{number[:2]}:{number[2:4]}:{number[4:6]}"}
    return said._replace(events=[event("meter_clock", data=told)])


def _status(said: Said, word: int, rest: bytes, position: int) -> Said:
    """Status words as integers, for a profile to name their bits."""
    words = range(1, 8) if word == 0xFF else range(word, word + 1)
    if not 1 <= words[0] <= 7 or len(rest) != 2 * len(words):
        raise Undecodable(Reason.MALFORMED, "no status words of two bytes each", position)
    values: dict[str, Scalar] = {
        f"status_word_{n}": int.from_bytes(rest[2 * k : 2 * k + 2], "little")
        for k, n in enumerate(words)
    }
    return said._replace(readings=[Decoded(None, None, None, None, values)])
