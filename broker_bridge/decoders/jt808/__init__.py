"""Vehicle terminals in JT/T 808-2011, 2013 and 2019, as a gateway passes their frames on.

    7E  id(2) properties(2) [version(1)] phone(6 or 10 BCD) serial(2) [packages(4)]  body  xor  7E

`framing` makes messages of bytes, `location` reads positions, `messages` everything else. One
payload may hold the frames of several vehicles: each speaks for the terminal of its phone behind
this gateway. Alarm and status words are values (`alarm_bits`, `status_bits`): a profile names their
bits, and what rises or falls is found where all of a terminal's readings are, in order of their
time. The standard's check is one byte of exclusive or.
"""

from broker_bridge.decoders.decoded import Fragment, Options, Said, Undecodable
from broker_bridge.decoders.frames import raw
from broker_bridge.decoders.jt808 import framing, location, messages
from broker_bridge.decoders.jt808.framing import Header
from telemetry.model import Reason

__all__ = ["decode", "join"]


def decode(payload: bytes, received_us: int, options: Options) -> list[Said]:
    """What each vehicle says; see `decoded.Decode`.

    With `lenient`, a wrong check or length and additional items of other lengths are tolerated.
    """
    data = raw(payload, options)
    said = []
    for position, frame in framing.frames(data):
        header, body, tolerated = framing.opened(frame, position, bool(options.get("lenient")))
        if header.packages > 1:
            part = Fragment(_key(header), header.package, header.packages, body)
            said.append(_empty(header)._replace(fragments=(part,), tolerated=tolerated))
        else:
            said.append(_read(header, body, position, tolerated, options))
    if not said:
        raise Undecodable(Reason.MALFORMED, "there is no frame", len(data))
    return said


def join(key: str, body: bytes, options: Options) -> Said:
    """What a message says that came in several packages; `key` is that of its fragments."""
    phone, version, number, serial = key.split("/")
    header = Header(int(number, 16), int(version), phone, int(serial), 1, 1)
    return _read(header, body, 0, [], options)


def _key(header: Header) -> str:
    """What the packages of one message share: their serials count up with their numbers."""
    first = (header.serial - header.package + 1) % 0x10000
    return f"{header.phone}/{header.version}/{header.message:04x}/{first}"


def _read(
    header: Header, body: bytes, position: int, tolerated: list[str], options: Options
) -> Said:
    said = _empty(header)._replace(tolerated=tolerated)
    if header.message in location.MESSAGES:
        return location.read(said, header, body, position, bool(options.get("lenient")))
    return said._replace(events=[messages.read(header, body, position)])


def _empty(header: Header) -> Said:
    return Said((), (), speaker=header.speaker(), units=location.UNITS, offers=True)
