"""Good frames made bad, and bytes that never were frames; pure, and repeatable by seed and number.

Damage is done to a frame as it lies there, or to what stands within it, with its check and escapes
put right again afterwards: what only breaks checks never gets past them.
"""

import binascii
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import xor
from random import Random

from broker_bridge.decoders import Options
from broker_bridge.decoders.sia_dc09 import crc16
from deploy.bench.cases import Case
from registry.codecs import CODECS

MOST_BYTES = 66_000  # a little more than any decoder takes
_LARGE_EVERY = 6_000
_CODECS = tuple(CODECS)


@dataclass(frozen=True, slots=True)
class Input:
    """Input `number` of a run: what a codec is given, and how it was made."""

    number: int
    codec: str
    way: str
    payload: bytes
    options: Options


def made(seed: int, number: int, frames: Mapping[str, Sequence[Case]]) -> Input:
    """The input of this number, the same for the same frames, seed and number."""
    dice = Random(seed << 40 | number)
    codec = _CODECS[number % len(_CODECS)]
    case = dice.choice(frames[codec])
    way = dice.choice(list(WAYS))
    opened, sealed = SEALS.get(codec, (_as_it_is, _as_it_is))
    inner = dice.random() < 0.5
    frame = opened(case.payload) if inner else case.payload
    other = dice.choice(frames[codec]).payload
    payload = WAYS[way](dice, frame, opened(other) if inner else other)
    if dice.random() < 0.2:
        second = dice.choice(list(WAYS))
        payload = WAYS[second](dice, payload, other)
        way = f"{way}, {second}"
    if inner:
        payload = sealed(payload)
    if number % _LARGE_EVERY < len(_CODECS) and payload:
        payload = _large(dice, payload)
        way = f"{way}, large"
    return Input(number, codec, way, *_written(dice, codec, case, payload))


def _written(dice: Random, codec: str, case: Case, payload: bytes) -> tuple[bytes, Options]:
    """The payload as an option of the codec has it come, and the options."""
    options = dict(case.options)
    for name, choices in CODECS[codec].items():
        if choices is bool and dice.random() < 0.4:
            options[name] = True
    if "text" in CODECS[codec] and (shape := dice.random()) < 0.06:
        options["text"] = "hex" if shape < 0.03 else "base64"
        payload = binascii.hexlify(payload) if shape < 0.03 else b64encode(payload)
        if shape % 0.01 < 0.003:
            payload = _flipped(dice, payload, b"")
    return payload, options


def _large(dice: Random, payload: bytes) -> bytes:
    """The payload, or a piece of it, over and over, up to what decoders take and a little more."""
    wanted = int(2 ** dice.uniform(10, 16.01))
    if dice.random() < 0.5:
        return (payload * (wanted // len(payload) + 1))[:wanted]
    at = dice.randrange(len(payload))
    piece = payload[at : at + dice.randint(1, 8)]
    return (payload[:at] + piece * (wanted // len(piece)) + payload[at:])[:MOST_BYTES]


# --- Ways to do damage: dice, a frame, another frame of the codec -----------------------------


def _as_good(dice: Random, frame: bytes, other: bytes) -> bytes:
    return frame


def _flipped(dice: Random, frame: bytes, other: bytes) -> bytes:
    """One to four bytes with other bits."""
    changed = bytearray(frame)
    for _ in range(dice.randint(1, 4) if changed else 0):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


_TELLING = b'\x00\x01\x10\x7d\x7e\x7f\x80\x99\xfe\xff"[]{}|:,#/\\_\r\n0AFNaz-'


def _replaced(dice: Random, frame: bytes, other: bytes) -> bytes:
    """Bytes that mean something somewhere, in place of others."""
    changed = bytearray(frame)
    for _ in range(dice.randint(1, 3) if changed else 0):
        changed[dice.randrange(len(changed))] = dice.choice(_TELLING)
    return bytes(changed)


def _inserted(dice: Random, frame: bytes, other: bytes) -> bytes:
    at = dice.randint(0, len(frame))
    return frame[:at] + dice.randbytes(dice.randint(1, 8)) + frame[at:]


def _deleted(dice: Random, frame: bytes, other: bytes) -> bytes:
    at = dice.randint(0, len(frame))
    return frame[:at] + frame[at + dice.randint(1, 8) :]


def _cut(dice: Random, frame: bytes, other: bytes) -> bytes:
    at = dice.randint(0, len(frame))
    return frame[:at] if dice.random() < 0.7 else frame[at:]


def _glued(dice: Random, frame: bytes, other: bytes) -> bytes:
    return b"".join(dice.choice((frame, other)) for _ in range(dice.randint(2, 6)))


def _spliced(dice: Random, frame: bytes, other: bytes) -> bytes:
    """The begin of one and the end of the other."""
    return frame[: dice.randint(0, len(frame))] + other[dice.randint(0, len(other)) :]


def _repeated(dice: Random, frame: bytes, other: bytes) -> bytes:
    """A piece, many times in its place."""
    at = dice.randint(0, len(frame))
    piece = frame[at : at + dice.randint(1, 8)]
    return frame[:at] + piece * dice.randint(2, 120) + frame[at:]


_LIES = (0, 1, 2, 0x7F, 0x80, 0xC8, 0xC9, 0xFE, 0xFF)


def _lied(dice: Random, frame: bytes, other: bytes) -> bytes:
    """A byte that may be a length says something near what it said, or far from it."""
    changed = bytearray(frame)
    if changed:
        # Lengths stand in front: of the frame, or of an item somewhere.
        at = dice.randrange(min(len(changed), 12) if dice.random() < 0.5 else len(changed))
        near = (changed[at] + dice.choice((-2, -1, 1, 2))) % 256
        changed[at] = dice.choice((near, dice.choice(_LIES)))
    return bytes(changed)


def _beyond_nine(dice: Random, frame: bytes, other: bytes) -> bytes:
    """Half bytes from A to F, and digits of text that are none."""
    changed = bytearray(frame)
    for _ in range(dice.randint(1, 6) if changed else 0):
        at = dice.randrange(len(changed))
        high = dice.randint(0xA, 0xF)
        changed[at] = changed[at] & 0x0F | high << 4 if dice.random() < 0.5 else high
    return bytes(changed)


def _noise(dice: Random, frame: bytes, other: bytes) -> bytes:
    return dice.randbytes(dice.randint(0, 120))


def _headed_noise(dice: Random, frame: bytes, other: bytes) -> bytes:
    """The begin of a frame, and then anything."""
    return frame[: dice.randint(0, min(len(frame), 40))] + _noise(dice, frame, other)


WAYS: Mapping[str, Callable[[Random, bytes, bytes], bytes]] = {
    "as good": _as_good,
    "flipped": _flipped,
    "replaced": _replaced,
    "inserted": _inserted,
    "deleted": _deleted,
    "cut": _cut,
    "glued": _glued,
    "spliced": _spliced,
    "repeated": _repeated,
    "length lies": _lied,
    "beyond nine": _beyond_nine,
    "noise": _noise,
    "head and noise": _headed_noise,
}

# --- What stands within a frame, and the frame of it with a check that fits ----------------------


def _as_it_is(frame: bytes) -> bytes:
    return frame


def _jt808_opened(frame: bytes) -> bytes:
    """Without flags, escapes and check."""
    return frame.strip(b"\x7e").replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")[:-1]


def _jt808_sealed(inner: bytes) -> bytes:
    """The body's length is left as it is where it lies by less than a body may have."""
    inner += bytes((reduce(xor, inner, 0),))
    return b"\x7e" + inner.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02") + b"\x7e"


_DLT645_HEAD = 10


def _dlt645_opened(frame: bytes) -> bytes:
    """From 68 on, the data as they are, without sum and end."""
    whole = frame.lstrip(b"\xfe")[:-2]
    head, data = whole[:_DLT645_HEAD], whole[_DLT645_HEAD:]
    return head + bytes((byte - 0x33) % 256 for byte in data)


def _dlt645_sealed(inner: bytes) -> bytes:
    """With a sum, and the length of what is there unless that is more than a byte can say."""
    head, data = bytearray(inner[:_DLT645_HEAD]), inner[_DLT645_HEAD:]
    if len(head) == _DLT645_HEAD and len(data) < 256:
        head[-1] = len(data)
    frame = bytes(head) + bytes((byte + 0x33) % 256 for byte in data)
    return frame + bytes((sum(frame) % 256, 0x16))


def _dc09_opened(frame: bytes) -> bytes:
    """From the quote to before the CR."""
    return frame[max(frame.find(b'"'), 0) :].rstrip(b"\r\n")


def _dc09_sealed(inner: bytes) -> bytes:
    return f"\n{crc16(inner):04X}{len(inner) & 0xFFFF:04X}".encode() + inner + b"\r"


SEALS: Mapping[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "dlt645": (_dlt645_opened, _dlt645_sealed),
    "jt808": (_jt808_opened, _jt808_sealed),
    "sia-dc09": (_dc09_opened, _dc09_sealed),
}
