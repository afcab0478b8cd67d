"""Reports of alarm panels in SIA DC-09-2013, with Contact ID, SIA and NULL in them.

    <LF><crc><0LLL><"token"><seq>[R<receiver>]L<line>[#<account>][<data>]...[_<timestamp>]<CR>

The CRC (CRC-16/ARC over everything from the first quote to before CR) comes as four hexadecimal
digits (5.5.1.2) or as the two bytes themselves, as some panels send it; the length is hexadecimal.
LF and CR may be lacking, since one MQTT message is one report or several whole ones. The account
speaks for the terminal of that name behind this receiver. NULL is supervision: the event
`supervision`. What is encrypted (a `*` before the token) is refused: there is no key here.

With `lenient`, a wrong CRC or length is tolerated, and so is an account in the data only.
"""

import re
from datetime import UTC, datetime, timedelta

from broker_bridge.decoders import dc09_codes
from broker_bridge.decoders.decoded import DecodedEvent, Options, Said, Undecodable
from broker_bridge.decoders.frames import event, raw
from registry.identifiers import IdentifierInvalid, WireName
from telemetry.model import Reason

_MOST_TEXT = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# From the first quote on; 5.5.1.3 to 5.5.1.10.
_BODY = re.compile(
    rb'"(?P<token>[A-Z0-9-]{2,20})"(?P<seq>[0-9]{4})'
    rb"(?:R(?P<receiver>[0-9A-F]{1,6}))?L(?P<line>[0-9A-F]{1,6})"
    rb"(?:#(?P<account>[0-9A-F]{3,16}))?"
    rb"\[(?P<data>[^\[\]]*)\](?P<extended>(?:\[[^\[\]]*\])*)"
    rb"(?:_(?P<time>[0-9:,-]{0,19}))?"
)
_HEX8, _HEX4 = re.compile(rb"[0-9A-Fa-f]{8}"), re.compile(rb"[0-9A-Fa-f]{4}")
_ANSWERS = frozenset((b"ACK", b"NAK", b"DUH", b"RSP"))
_CONTACT_ID = re.compile(r"([0-9])([0-9]{3}) ?([0-9A-F]{2}) ?([0-9A-F]{3})")
# Modifiers (SIA DC-03, 5.4): time, date, area, user, peripheral, each up to a stroke. There is one
# way to read them (each `*+`): two ways for each letter take for ever to find that none fits.
_SIA = re.compile(
    r"([NO])((?:[a-z]{2}[^/A-Z|]*+(?:/[a-z]{2}[^/A-Z|]*+)*+/?)?)([A-Z]{2})([0-9A-F]*)(.*)",
    re.DOTALL,
)
_MODIFIER = re.compile(r"(ti|da|ri|id|pi|pt|vx|ai|ph|lv|va|pa)([^/a-zA-Z|]*)")
_CALLED = {"ri": "area", "id": "user", "pi": "peripheral"}
# By far faster than strptime, which takes the same.
_TIME = re.compile(r"(\d\d?):(\d\d?):(\d\d?),(\d\d?)-(\d\d?)-(\d{4})", re.ASCII)
_ANGLE = re.compile(r"([0-9]{2,3})([NSEW])([0-9]{1,2}(?:\.[0-9]{1,9})?)")


def crc16(data: bytes) -> int:
    """CRC-16/ARC: polynomial 8005 reflected, from zero."""
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0xA001 if byte & 1 else 0)
    return byte


_CRC = [_crc_of(byte) for byte in range(256)]


def decode(payload: bytes, received_us: int, options: Options) -> list[Said]:
    """What each panel reports; see `decoded.Decode`."""
    data = raw(payload, options)
    said: list[Said] = []
    position = 0
    while position < len(data):
        if not (head := _head(data, position)) and data[position] in b"\r\n":
            position += 1
            continue
        end, report = _report(data, position, head, lenient=bool(options.get("lenient")))
        said.append(report)
        position = end
    if not said:
        raise Undecodable(Reason.MALFORMED, "there is no report", len(data))
    return said


def _head(data: bytes, start: int) -> int:
    """How many bytes of CRC and length stand before the quote: 8, 6, or 0 where none begins."""
    if data[start + 8 : start + 9] == b'"' and _HEX8.fullmatch(data, start, start + 8):
        return 8
    if data[start + 6 : start + 7] == b'"' and _HEX4.fullmatch(data, start + 2, start + 6):
        return 6
    return 0


def _report(data: bytes, start: int, head: int, *, lenient: bool) -> tuple[int, Said]:
    """The report that begins here, and where it ends."""
    if not head:
        raise Undecodable(Reason.MALFORMED, "no CRC and length before a quote", start)
    quote = start + head
    stated = (
        int(data[start : quote - 4], 16) if head == 8 else int.from_bytes(data[start : start + 2])
    )
    end = quote + int(data[quote - 4 : quote], 16)
    tolerated = []
    ended = data[end : end + 1] in (b"", b"\r", b"\n") or bool(_head(data, end))
    if end > len(data) or not ended:
        if not lenient:
            raise Undecodable(Reason.MALFORMED, "the length does not fit", quote - 4)
        tolerated.append("length")
        found_end = data.find(b"\r", quote)
        end = len(data) if found_end < 0 else found_end
    if stated != crc16(data[quote:end]):
        if not lenient:
            raise Undecodable(Reason.MALFORMED, "the CRC does not fit", start)
        tolerated.append("crc")
    if data[quote + 1 : quote + 2] == b"*":
        raise Undecodable(Reason.MALFORMED, "it is encrypted, and there is no key", quote)
    found = _BODY.fullmatch(data, quote, end)
    if found is None:
        broken = _BODY.match(data, quote, end)
        said = "this is no report of DC-09"
        raise Undecodable(Reason.MALFORMED, said, quote if broken is None else broken.end())
    return end, _said(found, tolerated, quote, lenient=lenient)


def _said(found: re.Match[bytes], tolerated: list[str], position: int, *, lenient: bool) -> Said:
    token = found["token"]
    if token in _ANSWERS:
        raise Undecodable(Reason.MALFORMED, "this is a receiver's answer", position)
    try:
        data, extended = found["data"].decode(), found["extended"].decode()
    except UnicodeDecodeError as error:
        where = found.start("data") + error.start
        raise Undecodable(Reason.MALFORMED, "the text is not UTF-8", where) from None
    before, stroke, behind = data.partition("|")
    inner, content = (before, behind) if stroke else ("", data)
    account = (found["account"] or b"").decode()
    if not account:
        account = inner.removeprefix("#")
        if not lenient or not account:
            where = found.start("data")
            raise Undecodable(Reason.MALFORMED, "no account before the data", where)
        tolerated.append("account in the data only")
    try:
        speaker = WireName.of("dc09_account", account)
    except IdentifierInvalid as error:
        raise Undecodable(Reason.MALFORMED, error.why, found.start("data")) from None
    time_us = _time_us(found)
    told = _extensions(extended)
    if token == b"NULL":
        events = [event("supervision", time_us=time_us, data=told or None)]
    elif token == b"ADM-CID":
        events = [_contact_id(content, time_us, told, found.start("data"))]
    elif token == b"SIA-DCS":
        events = [_sia(content, time_us, told, found.start("data"))]
    else:
        name = token.decode()
        raise Undecodable(Reason.MALFORMED, f"the format {name} is not known", position)
    return Said((), (), events, speaker, tolerated=tolerated)


def _time_us(found: re.Match[bytes]) -> int | None:
    """The timestamp, which is in GMT (5.5.1.10)."""
    written = (found["time"] or b"").decode()
    if not written:
        return None
    try:
        hour, minute, second, month, day, year = map(int, _split(_TIME, written))
        when = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        said = f"{written} is no time of DC-09"
        raise Undecodable(Reason.MALFORMED, said, found.start("time")) from None
    return (when - _EPOCH) // _MICROSECOND


def _split(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    """The groups of a pattern; ValueError where the text is none of its."""
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return found.groups()


def _contact_id(
    content: str, time_us: int | None, told: dict[str, object], position: int
) -> DecodedEvent:
    found = _CONTACT_ID.fullmatch(content)
    meaning = None if found is None else dc09_codes.contact_id(found[1], found[2])
    if found is None or meaning is None:
        raise Undecodable(Reason.MALFORMED, "this is no event of Contact ID", position)
    qualifier, number, partition, zone = found.groups()
    told = {"contact_id": qualifier + number, "partition": partition, "zone": zone} | told
    return event(meaning.code, meaning.severity, time_us=time_us, data=told)


def _sia(content: str, time_us: int | None, told: dict[str, object], position: int) -> DecodedEvent:
    first, *blocks = content.split("|")
    found = _SIA.fullmatch(first)
    if found is None:
        raise Undecodable(Reason.MALFORMED, "this is no event of SIA", position)
    age, modifiers, letters, zone, rest = found.groups()
    named: dict[str, object] = {"sia": letters}
    if zone:
        named["zone"] = zone
    for name, value in _MODIFIER.findall(modifiers):
        if name in _CALLED and value:
            named[_CALLED[name]] = value.replace("\0", "")
    if age == "O":
        named["old"] = True
    texts = [rest.strip(' ^*"'), *(block[1:] for block in blocks if block.startswith("A"))]
    text = " ".join(filter(None, texts)).replace("\0", "")[:_MOST_TEXT] or None
    meaning = dc09_codes.sia(letters)
    return event(meaning.code, meaning.severity, time_us=time_us, text=text, data=named | told)


def _extensions(extended: str) -> dict[str, object]:
    """Extended data (5.5.1.9): position and whatever else, by its letter."""
    told: dict[str, object] = {}
    for block in filter(None, extended.strip("[]").split("][")):
        letter, value = block[0], block[1:]
        if letter in "XY" and (angle := _angle(value)) is not None:
            told["longitude" if letter == "X" else "latitude"] = angle
        elif "\0" not in block:
            told[f"extended_{letter}"] = value
    return told


def _angle(text: str) -> float | None:
    """Degrees of a value such as 006E07.777: degrees, side, minutes."""
    found = _ANGLE.fullmatch(text)
    if found is None or float(found[3]) >= 60:
        return None
    degrees = int(found[1]) + float(found[3]) / 60
    return round(-degrees if found[2] in "SW" else degrees, 7)
