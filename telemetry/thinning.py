"""Which points of many a chart needs to look as if it had them all; pure."""

from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
from tsdownsample import LTTBDownsampler

from telemetry.rows import Int64s

Doubles = npt.NDArray[np.float64]


class _Choosing(Protocol):
    """What we need of the library, which says no types."""

    def downsample(self, x: Int64s, y: Doubles, /, *, n_out: int) -> npt.NDArray[np.uint64]: ...


_lttb = cast("_Choosing", LTTBDownsampler())  # type: ignore[no-untyped-call]


def chosen(times: Int64s, values: Doubles, points: int) -> list[int]:
    """The places of at most `points` (3 or more) of these values, first and last among them.

    By largest triangles of three buckets (Steinarsson 2013): of each stretch the value that stands
    out most is kept. `times` ascend.
    """
    if len(times) <= points:
        return list(range(len(times)))
    places: list[int] = _lttb.downsample(times, values, n_out=points).tolist()
    return places
