"""A profile's table: the binary COPY of its rows, and the SQL that stores and merges them; pure.

The table itself is made by `telemetry.ensure_profile_table` (schema/routines), as the owner.
"""

# ruff: noqa: S608 - the names in the SQL are the registry's, which lets only [a-z][a-z0-9_]* in

import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType

import numpy as np

from registry.model import DeviceProfile, MetricType
from telemetry.rows import Column, Flags, Int64s, Rows, storage

# PostgreSQL documentation, COPY, "Binary Format": signature, flags, length of extension; trailer.
_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_TRAILER = struct.pack(">h", -1)
_ABSENT = -1
POSTGRES_EPOCH_US = 946_684_800_000_000  # 2000-01-01, from which a timestamptz counts

_KEY = ("time", "terminal_id", "delay_seconds")
_WIDTHS = {"f": ">f8", "i": ">i8", "b": ">i1"}  # by numpy kind; text has no width
_TYPES = {"f": "double precision", "i": "bigint", "b": "boolean", "O": "text"}
_OF_TEXT: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {"f": float, "i": int, "b": "true".__eq__, "O": str}
)


class Table:
    """How rows of one profile, as it is now, are written."""

    def __init__(self, profile: DeviceProfile) -> None:
        self.profile = profile
        self.name = f'telemetry."{profile.code}"'
        self._metrics = {metric.name: metric for metric in profile.metrics}
        # One staging table a version: its columns are those of the moment.
        self.staging = f'pg_temp."{profile.code}_{profile.version}"'

    def copy(self, metrics: Sequence[str]) -> str:
        """COPY of the key and these metrics into the table."""
        return f"copy {self.name} ({self._columns(metrics)}) from stdin (format binary)"

    def copy_to_staging(self, metrics: Sequence[str]) -> str:
        """COPY of the same, numbered in its first column `k`, into the staging table."""
        return f"copy {self.staging} (k, {self._columns(metrics)}) from stdin (format binary)"

    def stage(self) -> str:
        """Make or empty the staging table."""
        columns = "".join(f', "{m.name}" {_TYPES[storage(m).kind]}' for m in self._metrics.values())
        return (
            f"create temp table if not exists {self.staging} (k int4, time timestamptz,"
            f" terminal_id int4, delay_seconds int4{columns});"
            f" truncate {self.staging};"
            " set local timescaledb.max_tuples_decompressed_per_dml_transaction = 0"
        )

    def insert_staged(self, metrics: Sequence[str]) -> str:
        """Insert what has no row yet; gives the keys of the inserted rows, as arrays."""
        columns = self._columns(metrics)
        return (
            f"with inserted as (insert into {self.name} ({columns}) select {columns}"
            f" from {self.staging} order by terminal_id, time on conflict do nothing"
            " returning terminal_id, time)"
            " select coalesce(array_agg(terminal_id), '{}') as terminal_ids,"
            " coalesce(array_agg((extract(epoch from time) * 1000000)::bigint), '{}') as times_us"
            " from inserted"
        )

    def compare_staged(self, metrics: Sequence[str]) -> str:
        """Of the staged rows, those that add a metric to their stored row or contradict it.

        Each is looked up by its key (`offset 0` keeps it so): of a chunk that has grown since its
        statistics the planner expects nothing in the last minutes, and would hold each row that
        is there against each staged one.
        """
        adds = ", ".join(
            f"""case when i."{m}" is not null and r."{m}" is null then '{m}' end""" for m in metrics
        )
        differ = [(m, f'case when i."{m}" <> r."{m}" then') for m in metrics]
        conflicts = ", ".join(f"{differs} '{m}' end" for m, differs in differ)
        stored = ", ".join(f'{differs} r."{m}"::text end' for m, differs in differ)
        return (
            "select * from (select i.k,"
            f" array_remove(array[{adds}]::text[], null) as adds,"
            f" array_remove(array[{conflicts}]::text[], null) as conflicts,"
            f" array_remove(array[{stored}]::text[], null) as stored"
            f" from {self.staging} i cross join lateral (select * from {self.name} t"
            " where t.terminal_id = i.terminal_id and t.time = i.time"
            " and t.time between %(first)s and %(last)s offset 0) r) c"
            " where adds <> '{}' or conflicts <> '{}'"
        )

    def value(self, metric: str, text: str) -> object:
        """A stored value of this metric that `compare_staged` gives as text."""
        return _OF_TEXT[storage(self._metrics[metric]).kind](text)

    def extend_stored(self, metrics: Sequence[str]) -> str:
        """Add the staged rows' metrics where the stored row lacks them; what is there stays."""
        fills = ", ".join(f'"{m}" = coalesce(r."{m}", i."{m}")' for m in metrics)
        return (
            f"update {self.name} r set {fills} from {self.staging} i"
            " where i.k = any (%(ks)s::int4[])"  # of k's type, or each row walks the whole array
            " and r.terminal_id = i.terminal_id and r.time = i.time"
            " and r.time between %(first)s and %(last)s"
        )

    def encode(self, rows: Rows, metrics: Sequence[str], *, numbered: bool = False) -> bytes:
        """The rows as binary COPY of the key and these metrics, numbered from 0 if asked.

        All rows get the bytes of all metrics; those of absent values are then cut out of the whole
        by a mask, so that any pattern of absences is one COPY. Text comes last in every row.
        """
        fixed = [m for m in metrics if self._metrics[m].type is not MetricType.TEXT]
        texts = [rows.columns[m] for m in metrics if self._metrics[m].type is MetricType.TEXT]
        lead = [("fields", ">i2")]
        for name, width in (("k", ">i4"),)[: int(numbered)] + _KEY_LAYOUT:
            lead += [(f"{name}#", ">i4"), (name, width)]
        layout = np.dtype(
            lead + [pair for m in fixed for pair in ((f"{m}#", ">i4"), (m, self._width(m)))]
        )
        block = np.empty(len(rows), layout)
        block["fields"] = len(metrics) + len(_KEY) + int(numbered)
        for name in layout.names or ():
            if name.endswith("#"):
                block[name] = layout[name[:-1]].itemsize
        if numbered:
            block["k"] = np.arange(len(rows))
        block["time"] = rows.times_us - POSTGRES_EPOCH_US
        block["terminal_id"] = rows.terminal_ids
        block["delay_seconds"] = delay_seconds(rows)
        for name in fixed:
            column = rows.columns[name]
            block[name] = column.values
            if not column.present.all():
                block[f"{name}#"] = np.where(column.present, layout[name].itemsize, _ABSENT)
        matrix = block.view(np.uint8).reshape(len(rows), layout.itemsize)
        kept = _kept(layout, rows, fixed)
        body = matrix.tobytes() if kept is None else matrix[kept].tobytes()
        if texts:
            ends = np.cumsum(
                np.full(len(rows), layout.itemsize) if kept is None else kept.sum(axis=1)
            )
            body = _with_texts(body, ends.tolist(), texts)
        return b"".join((_HEADER, body, _TRAILER))

    def _columns(self, metrics: Sequence[str]) -> str:
        # Text last, as `encode` writes it.
        ordered = sorted(metrics, key=lambda m: self._metrics[m].type is MetricType.TEXT)
        return ", ".join((*_KEY, *(f'"{m}"' for m in ordered)))

    def _width(self, name: str) -> str:
        return _WIDTHS[storage(self._metrics[name]).kind]


_KEY_LAYOUT = (("time", ">i8"), ("terminal_id", ">i4"), ("delay_seconds", ">i4"))


def delay_seconds(rows: Rows) -> Int64s:
    """Our clock less the terminal's, to the nearest second."""
    delays: Int64s = (rows.received_us - rows.times_us + 500_000) // 1_000_000
    return delays


def _kept(layout: np.dtype[np.void], rows: Rows, metrics: Sequence[str]) -> Flags | None:
    """Which bytes of the rows are sent: none of an absent value; None when no value is absent."""
    kept: Flags | None = None
    assert layout.fields is not None
    for name in metrics:
        present = rows.columns[name].present
        if present.all():
            continue
        if kept is None:
            kept = np.ones((len(rows), layout.itemsize), np.bool_)
        offset = layout.fields[name][1]
        kept[:, offset : offset + layout[name].itemsize] = present[:, None]
    return kept


def _with_texts(body: bytes, ends: Sequence[int], texts: Sequence[Column]) -> bytes:
    """The rows that end at `ends`, each followed by its texts."""
    starts = chain((0,), ends)
    encoded = [
        [_text(v) if p else _NO_TEXT for v, p in zip(t.values, t.present, strict=True)]
        for t in texts
    ]
    return b"".join(
        chain.from_iterable(
            (body[start:end], *fields)
            for start, end, *fields in zip(starts, ends, *encoded, strict=False)
        )
    )


_NO_TEXT = struct.pack(">i", _ABSENT)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack(">i", len(encoded)) + encoded
