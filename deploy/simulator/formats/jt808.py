"""A vehicle's position report: message 0200 of JT/T 808-2013 with some additional items."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import xor

from deploy.simulator.formats.telling import Told

_REPORT = 0x0200
_ACC, _FIX, _SOUTH, _WEST = 1, 2, 4, 8
_BEIJING = timedelta(hours=8)


def position(told: Told) -> bytes:
    """Times in whole seconds; positions in millionths of a degree, speeds in tenths of a km/h."""
    return _frame(_REPORT, told.name, told.number, _basic(told) + _items(told))


def _basic(told: Told) -> bytes:
    latitude, longitude = told.figure("latitude"), told.figure("longitude")
    status = _ACC if told.values.get("ignition") else 0
    if latitude is not None and longitude is not None:
        status |= _FIX | (_SOUTH if latitude < 0 else 0) | (_WEST if longitude < 0 else 0)
    at = datetime.fromtimestamp(told.ts_ms // 1000, UTC) + _BEIJING
    return b"".join(
        (
            int(told.figure("alarm_bits") or 0).to_bytes(4),
            status.to_bytes(4),
            round(abs(latitude or 0.0) * 1e6).to_bytes(4),
            round(abs(longitude or 0.0) * 1e6).to_bytes(4),
            round(told.figure("altitude_m") or 0.0).to_bytes(2, signed=True),
            round((told.figure("speed_kmh") or 0.0) * 10).to_bytes(2),
            (round(told.figure("heading_deg") or 0.0) % 360).to_bytes(2),
            bytes.fromhex(f"{at:%y%m%d%H%M%S}"),
        )
    )


def _items(told: Told) -> bytes:
    """Mileage and fuel in tenths, satellites; each as number, length and value."""
    items = b""
    for item, size, metric, by in ((0x01, 4, "mileage_km", 10), (0x02, 2, "fuel_l", 10),
                                   (0x31, 1, "satellites", 1)):  # fmt: skip
        figure = told.figure(metric)
        if figure is not None:
            items += bytes((item, size)) + round(figure * by).to_bytes(size)
    return items


def _frame(message: int, phone: str, serial: int, body: bytes) -> bytes:
    """Header, check and escapes of 4.4, in one package."""
    head = message.to_bytes(2) + len(body).to_bytes(2) + bytes.fromhex(phone.zfill(12))
    plain = head + (serial % 0x10000).to_bytes(2) + body
    plain += bytes((reduce(xor, plain),))
    return b"\x7e" + plain.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02") + b"\x7e"
