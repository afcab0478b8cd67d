"""A group client in Prometheus' words: text format 0.0.4 or OpenMetrics 1.0, a block at a time.

Labels are codes alone, which are plain by their grammar and escaped all the same. No sample has a
time of its own, so that what is withdrawn is stale at once.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
import orjson
from numpy.typing import NDArray

from telemetry.exposition import Exposed, Float64s, Heard, Newest

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
LINES_AT_ONCE = 10_000

Labels = Sequence[tuple[str, str]]

_READING = "muster_reading_"
_LAST_SEEN = "muster_terminal_last_seen_timestamp_seconds"
FAMILIES = {
    "muster_group_client_terminals": "Terminals of the client, by whether data comes from them.",
    "muster_group_client_series": "Series that the client's terminals are, or would be.",
    "muster_group_client_series_cap": "As many series as the client may have.",
    "muster_group_client_aggregated": "1 where aggregates stand instead of terminals, which would"
    " be more series than the client may have.",
    "muster_group_client_as_of_timestamp_seconds": "Until when it is known from whom data comes.",
    _LAST_SEEN: "When data last came from the terminal.",
}
"""Families that are not made of metrics, with what they mean."""
AGGREGATES = {
    "muster_lowest_": "Lowest of: ",
    "muster_highest_": "Highest of: ",
    "muster_mean_": "Mean of: ",
    "muster_count_": "Terminals that tell: ",
}
"""How families begin that stand instead of those of readings, and what their help begins with."""

# UCUM in the words that Prometheus' conventions have for it; other units stay as they are written.
_WORDS = {
    "%": "percent", "A": "amperes", "By": "bytes", "Cel": "celsius", "Hz": "hertz", "J": "joules",
    "Ohm": "ohms", "Pa": "pascals", "V": "volts", "W": "watts", "d": "days", "deg": "degrees",
    "g": "grams", "h": "hours", "m": "meters", "min": "minutes", "s": "seconds",
}  # fmt: skip
_AS_WRITTEN = 2  # characters from which on a name that ends in its unit's sign says its unit
_LABEL_SPECIAL = re.compile(r'[\\"\n]')
_SPECIAL = {"\\": r"\\", '"': r"\"", "\n": r"\n"}


def wanted(accept: str) -> str:
    """The content type of the answer: OpenMetrics where it is liked as well as plain text."""
    liked = _liked(accept)
    openmetrics = liked.get("application/openmetrics-text", 0.0)
    return OPENMETRICS if openmetrics and openmetrics >= liked.get("text/plain", 0.0) else TEXT


def takes_gzip(accept_encoding: str) -> bool:
    """Whether the answer may be compressed."""
    return _liked(accept_encoding).get("gzip", 0.0) > 0


def family_of(metric: str, unit: str | None, beside: frozenset[str] = frozenset()) -> str:
    """What a metric is called here: its name, with its unit unless it says that already.

    `beside` are the metrics of the same profile, of which none may be called the same.
    """
    word = _word(unit)
    sign = re.sub(r"[^a-z0-9]", "", (unit or "").lower())
    last = metric.rpartition("_")[2]
    says_it = last == word or (last == sign and len(sign) >= _AS_WRITTEN)
    name = metric if not word or says_it else f"{metric}_{word}"
    return metric if name in beside - {metric} else name


def escaped(value: str) -> str:
    """A label's value as both formats have it."""
    return _LABEL_SPECIAL.sub(lambda found: _SPECIAL[found[0]], value)


def blocks(exposed: Exposed, kind: str) -> Iterator[bytes]:
    """The whole text, some thousands of lines at a time."""
    openmetrics = kind == OPENMETRICS
    yield _of_the_client(exposed, openmetrics)
    labels = {one.profile: labels_of(one) for one in exposed.heard}
    if not exposed.is_aggregated:
        yield _head(_LAST_SEEN, FAMILIES[_LAST_SEEN], openmetrics)
        for heard in exposed.heard:
            yield from lines(_LAST_SEEN, labels[heard.profile], heard.last_seen)
    named = sorted(((_family(one, exposed), one) for one in exposed.newest), key=lambda n: n[0])
    for name, group in groupby(named, lambda one: one[0]):
        of_family = [newest for _, newest in group]
        if exposed.is_aggregated:
            yield _aggregates(name, of_family, openmetrics)
            continue
        yield _head(_READING + name, of_family[0].title, openmetrics)
        for newest in of_family:
            yield from lines(_READING + name, labels[newest.profile][newest.places], newest.values)
    if openmetrics:
        yield b"# EOF\n"


def labels_of(heard: Heard) -> NDArray[np.object_]:
    """Of each terminal of a profile what stands between the name and the value, as it is sent."""
    codes = heard.codes
    if _LABEL_SPECIAL.search("".join(codes)):
        codes = [escaped(code) for code in codes]
    before = f'{{profile="{escaped(heard.profile)}",terminal="'
    found = np.empty(len(codes), np.object_)
    found[:] = [f'{before}{code}"}} '.encode() for code in codes]
    return found


def lines(name: str, labels: NDArray[np.object_], values: Float64s) -> Iterator[bytes]:
    """A line for each value, whose labels stand at the same place."""
    between = b"\n" + name.encode()
    for first in range(0, len(values), LINES_AT_ONCE):
        some = values[first : first + LINES_AT_ONCE]
        parts = [between] * (3 * len(some))
        parts[1::3] = labels[first : first + LINES_AT_ONCE].tolist()
        parts[2::3] = _texts(some)
        parts[0] = name.encode()
        yield b"".join(parts) + b"\n"


def _texts(values: Float64s) -> list[bytes]:
    """Each number as both formats have it, by a writer that knows only those of JSON."""
    texts = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    for place in np.flatnonzero(~np.isfinite(values)).tolist():
        value = values[place]
        texts[place] = b"NaN" if np.isnan(value) else b"+Inf" if value > 0 else b"-Inf"
    return texts


def _of_the_client(exposed: Exposed, openmetrics: bool) -> bytes:
    counts = [
        ((("profile", one.profile), ("data", state)), float(count))
        for one in exposed.heard
        for state, count in (
            ("online", one.online),
            ("silent", one.heard - one.online),
            ("never", one.terminals - one.heard),
        )
    ]
    samples: dict[str, Sequence[tuple[Labels, float]]] = {
        "muster_group_client_terminals": counts,
        "muster_group_client_series": [((), exposed.series)],
        "muster_group_client_series_cap": [((), exposed.most)],
        "muster_group_client_aggregated": [((), float(exposed.is_aggregated))],
    }
    if exposed.as_of is not None:
        as_of = "muster_group_client_as_of_timestamp_seconds"
        samples[as_of] = [((), exposed.as_of.timestamp())]
    return b"".join(_few(name, FAMILIES[name], of, openmetrics) for name, of in samples.items())


def _aggregates(name: str, of_family: Sequence[Newest], openmetrics: bool) -> bytes:
    by_kind = zip(
        *((one.lowest, one.highest, one.mean, float(one.series)) for one in of_family), strict=True
    )
    return b"".join(
        _few(
            prefix + name,
            means + of_family[0].title,
            [((("profile", one.profile),), v) for one, v in zip(of_family, values, strict=True)],
            openmetrics,
        )
        for (prefix, means), values in zip(AGGREGATES.items(), by_kind, strict=True)
    )


def _few(
    name: str, means: str, samples: Sequence[tuple[Labels, float]], openmetrics: bool
) -> bytes:
    """A family of few samples, each with labels of its own."""
    texts = _texts(np.array([value for _, value in samples], np.float64)) if samples else []
    written = []
    for (labels, _), text in zip(samples, texts, strict=True):
        pairs = ",".join(f'{key}="{escaped(value)}"' for key, value in labels)
        written.append(
            f"{name}{{{pairs}}} {text.decode()}\n" if pairs else f"{name} {text.decode()}\n"
        )
    return _head(name, means, openmetrics) + "".join(written).encode()


def _head(name: str, means: str, openmetrics: bool) -> bytes:
    special = _LABEL_SPECIAL if openmetrics else re.compile(r"[\\\n]")
    means = special.sub(lambda found: _SPECIAL[found[0]], means)
    return f"# HELP {name} {means}\n# TYPE {name} gauge\n".encode()


def _family(newest: Newest, exposed: Exposed) -> str:
    return family_of(newest.metric, newest.unit, exposed.metrics[newest.profile])


def _word(unit: str | None) -> str:
    if unit is None or unit == "1":
        return ""
    return _WORDS.get(unit) or re.sub(r"[^a-z0-9]", "", unit.lower())


def _liked(header: str) -> dict[str, float]:
    """What an Accept header names, each with how much it is liked."""
    liked: dict[str, float] = {}
    for item in header.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        liked[name] = max(liked.get(name, 0.0), _number(quality))
    return liked


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
