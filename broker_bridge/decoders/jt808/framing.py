"""Bytes to messages: flags, escapes, check and header (JT/T 808-2019, clause 4.4); pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import reduce
from operator import xor
from typing import NamedTuple

from broker_bridge.decoders.decoded import Undecodable
from broker_bridge.decoders.frames import digits
from registry.identifiers import IdentifierInvalid, WireName
from telemetry.model import Reason

_BEIJING = timezone(timedelta(hours=8))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_FLAG, _ESCAPE = 0x7E, 0x7D
_ESCAPED = {0x01: _ESCAPE, 0x02: _FLAG}
_LENGTH, _ENCRYPTION, _PACKAGED, _VERSIONED = 0x03FF, 0x1C00, 0x2000, 0x4000
_MOST_PACKAGES = 1_000
_PLATFORM = 0x8000  # and above: what the platform says
V2013, V2019 = 2013, 2019
"""How the header is written; 2011 has that of 2013."""


class Header(NamedTuple):
    """Of message number `serial` of a vehicle; in `packages` of which this is number `package`."""

    message: int
    version: int
    phone: str
    serial: int
    packages: int
    package: int

    def speaker(self) -> WireName:
        """By which the terminal is known behind its gateway."""
        return WireName.of("jt808_phone", self.phone)


def frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each frame between two flags, still escaped, and where it begins behind its flag."""
    start = 0
    while start < len(data):
        if data[start] != _FLAG:
            said = f"{data[start]:02X} stands where a frame begins with 7E"
            raise Undecodable(Reason.MALFORMED, said, start)
        end = data.find(_FLAG, start + 1)
        if end < 0:
            if start + 1 == len(data) and start:
                return  # the flag that ended the last frame, once more
            raise Undecodable(Reason.MALFORMED, "the frame is cut short", len(data))
        if end > start + 1:
            yield start + 1, data[start + 1 : end]
            # One flag may end a frame and begin the next.
            start = end + 1 if data[end + 1 : end + 2] in (b"", b"\x7e") else end
        else:
            start = end


def opened(frame: bytes, position: int, lenient: bool) -> tuple[Header, bytes, list[str]]:
    """Header, body and what was tolerated of the frame that begins there in the payload."""
    message = _unescaped(frame, position)
    tolerated = []
    if len(message) < 13 or reduce(xor, message) != 0:
        if len(message) < 13 or not lenient:
            said = "the frame is too short" if len(message) < 13 else "the check does not fit"
            raise Undecodable(Reason.MALFORMED, said, position + len(frame) - 1)
        tolerated.append("check")
    number, properties = int.from_bytes(message[:2]), int.from_bytes(message[2:4])
    if number >= _PLATFORM:
        raise Undecodable(Reason.MALFORMED, "this is the platform's word", position)
    if properties & _ENCRYPTION:
        raise Undecodable(Reason.MALFORMED, "it is encrypted, and there is no key", position + 2)
    versioned = bool(properties & _VERSIONED)
    phone_at, phone_size = (5, 10) if versioned else (4, 6)
    serial_at = phone_at + phone_size
    body_at = serial_at + (6 if properties & _PACKAGED else 2)
    if len(message) < body_at + 1:
        raise Undecodable(Reason.MALFORMED, "the frame ends in its header", position + len(frame))
    body = message[body_at:-1]
    if len(body) != properties & _LENGTH:
        said = f"the body has {len(body)} bytes, not {properties & _LENGTH}"
        if not lenient:
            raise Undecodable(Reason.MALFORMED, said, position + 2)
        tolerated.append("length")
    phone = digits(message[phone_at:serial_at])
    packages, package = 1, 1
    if properties & _PACKAGED:
        packages = int.from_bytes(message[serial_at + 2 : serial_at + 4])
        package = int.from_bytes(message[serial_at + 4 : serial_at + 6])
        if not 1 <= package <= packages <= _MOST_PACKAGES:
            said = f"package {package} of {packages}"
            raise Undecodable(Reason.MALFORMED, said, position + serial_at + 2)
    if phone is None:
        raise Undecodable(Reason.MALFORMED, "the phone is not in digits", position + phone_at)
    header = Header(
        number, V2019 if versioned else V2013, phone.lstrip("0"),
        int.from_bytes(message[serial_at : serial_at + 2]), packages, package,
    )  # fmt: skip
    try:
        header.speaker()
    except IdentifierInvalid as error:
        raise Undecodable(Reason.MALFORMED, error.why, position + phone_at) from None
    return header, body, tolerated


def _unescaped(frame: bytes, position: int) -> bytes:
    if _ESCAPE not in frame:
        return frame
    parts = frame.split(bytes((_ESCAPE,)))
    message = bytearray(parts[0])
    at = position + len(parts[0])
    for part in parts[1:]:
        plain = _ESCAPED.get(part[0]) if part else None
        if plain is None:
            raise Undecodable(Reason.MALFORMED, "7D is followed by neither 01 nor 02", at + 1)
        message.append(plain)
        message += part[1:]
        at += 1 + len(part)
    return bytes(message)


def beijing_us(written: bytes) -> int | None:
    """YYMMDDhhmmss in BCD, Beijing time; None if there is no such moment."""
    text = digits(written)
    if text is None:
        return None
    try:
        year, month, day, hour, minute, second = (int(text[at : at + 2]) for at in range(0, 12, 2))
        when = datetime(2000 + year, month, day, hour, minute, second, tzinfo=_BEIJING)
    except ValueError:
        return None
    return (when - _EPOCH) // _MICROSECOND
