"""The roll in memory: what the message path knows of each terminal, in arrays of 34 bytes; no I/O.

A terminal is found by a digest of its code: 64 bits say where, 32 more that it is the one. The
key of the digest is drawn by each process, so that nobody can look for two codes of one digest;
that two of three million share one by chance happens once in 10^16 starts.
"""

import hashlib
import secrets
import struct
from bisect import bisect_left
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_DIGEST = struct.Struct(">QI")
_PARTS = 16  # bits of a place that say in which part of the array it is
_POSTGRES_EPOCH_US = 946_684_800_000_000
_EVER = -(2**63)

_ROW = np.dtype(
    [
        ("check", ">u4"),
        ("id", ">i4"),
        ("profile_id", ">i4"),
        ("state", ">i2"),
        ("owner_since", ">i8"),
        ("client_id", ">i4"),
    ]
)
_UNPACKED = struct.Struct(">Iiihqi")
PACKED = np.dtype([("place", ">u8"), ("row", _ROW)])
"""A row as the database packs it."""


class Facts(NamedTuple):
    """What is kept of a terminal; `owner_since` in PostgreSQL's own us, `client_id` 0 for none."""

    id: int
    profile_id: int
    state: int
    owner_since: int
    client_id: int

    @property
    def owner_since_us(self) -> int | None:
        """The same in Unix us; None is minus infinity."""
        return None if self.owner_since == _EVER else self.owner_since + _POSTGRES_EPOCH_US


class Roll:
    """Terminals by code. What is new waits in a dict until it is worth moving the arrays."""

    _places: NDArray[np.uint64]
    _rows: NDArray[Any]
    _taken: int

    def __init__(self, size: int = 0) -> None:
        """Room for so many to be read; `take` them, then `sort`."""
        self.key = secrets.token_bytes(16)
        self._hold(np.zeros(0, np.uint64), np.zeros(0, _ROW))
        self._places, self._rows = np.zeros(size, np.uint64), np.zeros(size, _ROW)
        self._fresh: dict[str, Facts] = {}

    def __len__(self) -> int:
        return len(self._places) + len(self._fresh)

    def take(self, packed: bytes) -> None:
        """Some rows, in any order, whose digests were made with our key."""
        rows = np.frombuffer(packed, PACKED)
        here = slice(self._taken, self._taken + len(rows))
        self._places[here], self._rows[here] = rows["place"], rows["row"]
        self._taken = here.stop

    def sort(self) -> None:
        """Let what was taken be found."""
        order = np.argsort(self._places[: self._taken])
        self._hold(self._places[order], self._rows[order])

    def find(self, code: str) -> Facts | None:
        """What is known of the terminal of that code."""
        facts = self._fresh.get(code)
        if facts is not None:
            return facts
        at = self._find(code)
        return None if at is None else Facts(*_UNPACKED.unpack_from(self._row_bytes, at)[1:])

    def put(self, code: str, facts: Facts) -> None:
        """Know this of a terminal from now on."""
        at = None if code in self._fresh else self._find(code)
        if at is not None:
            check = _UNPACKED.unpack_from(self._row_bytes, at)[0]
            _UNPACKED.pack_into(self._row_bytes, at, check, *facts)
            return
        self._fresh[code] = facts
        # Moving the arrays takes longer the longer they are.
        if len(self._fresh) > 5_000 + len(self._places) // 64:
            self._settle()

    def take_off(self, ids: Collection[int]) -> None:
        """Know nothing any more of the terminals with these numbers."""
        self._fresh = {code: f for code, f in self._fresh.items() if f.id not in ids}
        gone = np.isin(self._rows["id"], list(ids))
        if gone.any():
            self._hold(self._places[~gone], self._rows[~gone])

    def _find(self, code: str) -> int | None:
        """Where in the bytes of the rows it is."""
        place, check = _DIGEST.unpack_from(self._digest(code))
        part = place >> (64 - _PARTS)
        end = self._parts[part + 1]
        at = bisect_left(self._place_ints, place, self._parts[part], end)
        while at < end and self._place_ints[at] == place:
            if _UNPACKED.unpack_from(self._row_bytes, at * _ROW.itemsize)[0] == check:
                return at * _ROW.itemsize
            at += 1
        return None

    def _digest(self, code: str) -> bytes:
        return hashlib.sha256(self.key + code.encode()).digest()

    def _settle(self) -> None:
        """Take what is new into the arrays."""
        rows = [
            (place, (check, *facts))
            for code, facts in self._fresh.items()
            for place, check in [_DIGEST.unpack_from(self._digest(code))]
        ]
        fresh = np.sort(np.array(rows, PACKED), order="place")
        at = np.searchsorted(self._places, fresh["place"].astype(np.uint64))
        self._fresh = {}
        self._hold(
            np.insert(self._places, at, fresh["place"]), np.insert(self._rows, at, fresh["row"])
        )

    def _hold(self, places: NDArray[np.uint64], rows: NDArray[Any]) -> None:
        """These arrays, and views on them whose items cost less than numpy's."""
        self._places, self._rows, self._taken = places, rows, len(places)
        self._place_ints = places.data
        self._row_bytes = rows.view(np.uint8).data
        steps = np.arange(2**_PARTS, dtype=np.uint64) << np.uint64(64 - _PARTS)
        ends = np.append(np.searchsorted(places, steps), len(places))
        self._parts = ends.astype(np.uint32).data
