"""Parquet, where pyarrow is there: an extra that nothing else needs."""

import importlib.util
import io
from collections.abc import Mapping, Sequence
from typing import Any

from registry.model import MetricType
from telemetry.errors import ParquetMissing

MEDIA_TYPE = "application/vnd.apache.parquet"

_GROUP_ROWS = 50_000
Kinds = Mapping[str, MetricType | None]
"""Columns by name; None is a time."""

_CONVERSIONS: Mapping[MetricType, type] = {
    MetricType.DOUBLE: float,
    MetricType.BIGINT: int,
    MetricType.BOOLEAN: bool,
}


def is_there() -> bool:
    """Whether Parquet can be written here."""
    return importlib.util.find_spec("pyarrow") is not None


def require() -> None:
    """Return if Parquet can be written here; ParquetMissing if not."""
    if not is_there():
        raise ParquetMissing(field="format")


class Writer:
    """A file that is written by row groups; each call gives the bytes that are ready by then."""

    def __init__(self, columns: Kinds, about: Mapping[str, str]) -> None:
        require()
        import pyarrow as pa  # an extra, and slow to import
        from pyarrow import parquet

        self._pa = pa
        self._kinds = columns
        types = {
            None: pa.timestamp("us", tz="UTC"),
            MetricType.DOUBLE: pa.float64(),
            MetricType.BIGINT: pa.int64(),
            MetricType.BOOLEAN: pa.bool_(),
            MetricType.TEXT: pa.string(),
        }
        self._schema = pa.schema(
            [(name, types[kind]) for name, kind in columns.items()], metadata=dict(about)
        )
        self._sink = _Sink()
        self._file = parquet.ParquetWriter(self._sink, self._schema, compression="zstd")
        self._rows: list[Sequence[object]] = []

    def add(self, rows: Sequence[Sequence[object]]) -> bytes:
        """Some more rows."""
        self._rows += rows
        if len(self._rows) >= _GROUP_ROWS:
            self._write()
        return self._sink.taken()

    def end(self) -> bytes:
        """The last rows, and what is at the end of the file."""
        self._write()
        self._file.close()
        return self._sink.taken()

    def _write(self) -> None:
        if not self._rows:
            return
        columns = zip(*self._rows, strict=True)
        arrays = [
            self._pa.array(_converted(values, kind), self._schema.field(name).type)
            for (name, kind), values in zip(self._kinds.items(), columns, strict=True)
        ]
        self._file.write_table(self._pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows = []


def _converted(values: Sequence[Any], kind: MetricType | None) -> Sequence[Any]:
    """Values as their column has them: one that two profiles take differently is as the wider."""
    if kind is None:
        return values
    if kind is MetricType.TEXT:
        return [None if value is None else _text(value) for value in values]
    convert = _CONVERSIONS[kind]
    return [None if value is None else convert(value) for value in values]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Sink(io.RawIOBase):
    """What was written and not yet taken."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = bytearray()
        self._at = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        written = bytes(data)
        self._bytes += written
        self._at += len(written)
        return len(written)

    def taken(self) -> bytes:
        """All of that."""
        taken = bytes(self._bytes)
        self._bytes.clear()
        return taken
