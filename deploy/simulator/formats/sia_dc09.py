"""An alarm panel's reports in SIA DC-09: Contact ID for what happens, NULL in between."""

from datetime import UTC, datetime

from deploy.simulator.curves.security import Happening
from deploy.simulator.formats.telling import Told

# Contact ID (SIA DC-05): 1 is new or an opening, 3 restored or a closing.
_CODES = {
    "armed": "3401", "disarmed": "1401", "mains_cut": "1301", "mains_restored": "3301",
    "zone_alarm": "1130", "tamper": "1137",
}  # fmt: skip
_PARTITION = "01"


def supervision(told: Told) -> bytes:
    """Nothing has happened, and the line is alive."""
    return _report("NULL", told, "", told.ts_ms)


def report(told: Told, happening: Happening) -> bytes:
    """What happened, in partition 1; times in whole seconds."""
    at_ms = round(happening.at.timestamp() * 1000)
    content = f"#{told.name}|{_CODES[happening.code]} {_PARTITION} {happening.zone or 0:03d}"
    return _report("ADM-CID", told, content, at_ms)


def _report(token: str, told: Told, content: str, at_ms: int) -> bytes:
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    sequence = told.number % 9999 + 1
    text = f'"{token}"{sequence:04d}R1L1#{told.name}[{content}]_{at:%H:%M:%S,%m-%d-%Y}'.encode()
    return f"\n{_crc(text):04X}{len(text):04X}".encode() + text + b"\r"


def _crc(text: bytes) -> int:
    """CRC-16/ARC."""
    crc = 0
    for byte in text:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc
