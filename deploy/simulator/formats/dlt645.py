"""A meter's answers to reading (DL/T 645-2007, 11H), as its concentrator passes them on.

A frame an identifier, all in one payload: voltages and currents as blocks, power, energy, power
factor and frequency.
"""

from deploy.simulator.formats.telling import Told

_ANSWER = 0x91
# Identifier (DI3 first), and per item the metric, the bytes, and the digits of its fraction.
_ASKED: tuple[tuple[str, tuple[tuple[str, int, int], ...]], ...] = (
    ("0201FF00", (("voltage_a", 2, 1), ("voltage_b", 2, 1), ("voltage_c", 2, 1))),
    ("0202FF00", (("current_a", 3, 3), ("current_b", 3, 3), ("current_c", 3, 3))),
    ("02030000", (("active_power_kw", 3, 4),)),
    ("02040000", (("reactive_power_kvar", 3, 4),)),
    ("02060000", (("power_factor", 2, 3),)),
    ("02800002", (("frequency_hz", 2, 2),)),
    ("00000000", (("energy_kwh", 4, 2),)),
    ("00010000", (("energy_import_kwh", 4, 2),)),
)
_SIGNED = frozenset(("02020000", "0202FF00", "02030000", "02040000", "02060000", "00000000"))


def answers(told: Told) -> bytes:
    """What the meter was asked for and has, each frame behind four wake-up bytes."""
    frames = []
    for identifier, items in _ASKED:
        figures = [told.figure(metric) for metric, _, _ in items]
        if figures[0] is None:
            continue
        data = b"".join(
            b"\xff" * size
            if figure is None
            else _digits(figure, size, fraction, signed=identifier in _SIGNED)
            for figure, (_, size, fraction) in zip(figures, items, strict=True)
        )
        frames.append(_frame(told.name, bytes.fromhex(identifier)[::-1] + data))
    return b"".join(frames)


def _digits(figure: float, size: int, fraction: int, *, signed: bool) -> bytes:
    """BCD, the lowest byte first; the highest bit is the sign, and what is beyond is 9s."""
    most = (8 if signed else 10) * 10 ** (2 * size - 1) - 1
    number = min(round(abs(figure) * 10**fraction), most)
    data = bytearray(bytes.fromhex(f"{number:0{2 * size}d}")[::-1])
    if signed and figure < 0:
        data[-1] |= 0x80
    return bytes(data)


def _frame(address: str, data: bytes) -> bytes:
    frame = b"\x68" + bytes.fromhex(address.zfill(12))[::-1] + bytes((0x68, _ANSWER, len(data)))
    frame += bytes((byte + 0x33) % 256 for byte in data)
    return b"\xfe\xfe\xfe\xfe" + frame + bytes((sum(frame) % 256, 0x16))
