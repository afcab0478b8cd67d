"""Rows as the bytes of an export's file; each call gives the bytes that are ready by then."""

import struct
import time
import zlib
from collections.abc import Mapping, Sequence
from typing import Protocol

import orjson

from foundation import tables
from telemetry import parquet
from telemetry.exports.model import ExportFormat
from telemetry.parquet import Kinds

Rows = Sequence[Sequence[object]]

_MAGIC = b"\x1f\x8b\x08"
_HAS_COMMENT = 0x10
_UNIX = 3


class Writer(Protocol):
    """A file that is written row by row."""

    def add(self, rows: Rows) -> bytes:
        """Some more rows."""

    def end(self) -> bytes:
        """What is left."""


def begin(
    form: ExportFormat, columns: Kinds, about: Mapping[str, object], *, marked: bool = False
) -> Writer:
    """A file of these columns, in which stands what it is `about`.

    As metadata in Parquet; else in the comment of the gzip header, where no reader of CSV or NDJSON
    stumbles over it. A `marked` CSV begins with a byte order mark.
    """
    told = orjson.dumps(about).decode()
    if form is ExportFormat.PARQUET:
        return parquet.Writer(columns, {"muster.export": told})
    return _Packed(form, list(columns), told, marked=marked)


class _Packed:
    """CSV or NDJSON as one member of gzip (RFC 1952)."""

    def __init__(self, form: ExportFormat, header: list[str], about: str, *, marked: bool) -> None:
        self._form, self._header = form, header
        self._packing = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._check, self._length = 0, 0
        comment = about.encode("latin-1", "backslashreplace").replace(b"\0", b"")
        moment = struct.pack("<IBB", int(time.time()) & 0xFFFFFFFF, 0, _UNIX)
        self._ready = _MAGIC + bytes([_HAS_COMMENT]) + moment + comment + b"\0"
        if form is ExportFormat.CSV:
            mark = tables.BYTE_ORDER_MARK if marked else ""
            self._ready += self._packed((mark + tables.csv_lines([header])).encode())

    def add(self, rows: Rows) -> bytes:
        """Some more rows."""
        csv = self._form is ExportFormat.CSV
        lines = tables.csv_lines(rows).encode() if csv else tables.ndjson_lines(self._header, rows)
        return self._taken() + self._packed(lines)

    def end(self) -> bytes:
        """What is left, and by what it is checked."""
        left = self._taken() + self._packing.flush()
        return left + struct.pack("<II", self._check, self._length & 0xFFFFFFFF)

    def _packed(self, data: bytes) -> bytes:
        self._check = zlib.crc32(data, self._check)
        self._length += len(data)
        return self._packing.compress(data)

    def _taken(self) -> bytes:
        taken, self._ready = self._ready, b""
        return taken
