"""The form of a device profile: what people fill in, as the document that the API takes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Form

from registry.profile_document import Fault

_Text = Annotated[str, Form(max_length=200)]
_Texts = Annotated[tuple[str, ...], Form(max_length=200)]
_HEAD = ("sector", "title_zh", "title_en", "codec")
_NUMBERS = ("expected_interval_seconds", "raw_days", "rollup_days")
_METRIC_TEXTS = ("name", "type", "unit", "title_zh", "title_en")
_METRIC_NUMBERS = ("low", "high", "decimals")


@dataclass(frozen=True, slots=True)
class Given:
    """The form; the n-th of each `metric_...` is of the n-th row, and a row of none is left out."""

    profile_code: _Text = ""  # `code` is the one of an address
    sector: _Text = "power"
    title_zh: _Text = ""
    title_en: _Text = ""
    codec: _Text = "json"
    codec_options: Annotated[str, Form(max_length=1000)] = ""
    expected_interval_seconds: _Text = "60"
    raw_days: _Text = ""
    rollup_days: _Text = ""
    metric_name: _Texts = ()
    metric_type: _Texts = ()
    metric_unit: _Texts = ()
    metric_low: _Texts = ()
    metric_high: _Texts = ()
    metric_decimals: _Texts = ()
    metric_title_zh: _Texts = ()
    metric_title_en: _Texts = ()
    payload: Annotated[str, Form(max_length=8000)] = ""
    form: Annotated[str, Form(pattern="^(hex|base64|text)$")] = "text"
    act: Annotated[str, Form(pattern="^(save|row|try)$")] = "save"

    def rows(self, least: int = 1) -> tuple[dict[str, str], ...]:
        """The rows of metrics, and a blank one more where another is asked for."""
        names = (*_METRIC_TEXTS, *_METRIC_NUMBERS)
        columns = {name: getattr(self, f"metric_{name}") for name in names}
        count = max([least, *(len(column) for column in columns.values())])
        return tuple(
            {name: column[at] if at < len(column) else "" for name, column in columns.items()}
            for at in range(count + (self.act == "row"))
        )

    def document(self) -> dict[str, Any]:
        """The document of the whole profile."""
        head = {name: text for name in _HEAD if (text := getattr(self, name).strip())}
        if code := self.profile_code.strip():
            head["code"] = code
        numbers = {name: _number(text) for name in _NUMBERS if (text := getattr(self, name))}
        return (
            head
            | numbers
            | {
                "codec_options": dict(_options(self.codec_options)),
                "metrics": [metric for _, metric in self.metrics()],
            }
        )

    def metrics(self) -> list[tuple[int, dict[str, Any]]]:
        """The documents of the metrics that are filled in, each with the number of its row."""
        return [(at, metric) for at, row in enumerate(self.rows()) if (metric := _metric(row))]

    def placed(self, faults: Iterable[Fault]) -> dict[str, str]:
        """What is wrong, by the field that it stands beside: `title_en`, `metric.2.unit`."""
        at = [row for row, _ in self.metrics()]
        told: dict[str, str] = {}
        for fault in faults:
            parts = fault.path.split(".")
            place = parts[0]
            if place == "metrics" and len(parts) > 1:
                field = parts[2] if len(parts) > 2 else "name"
                place = f"metric.{at[int(parts[1])]}.{field}"
            told.setdefault(place, fault.why)
        return told


def _metric(row: dict[str, str]) -> dict[str, Any]:
    """The document of a row; of one in which nothing but the type is said, none."""
    texts = {name: text for name in _METRIC_TEXTS if (text := row[name].strip())}
    numbers = {name: _number(row[name]) for name in _METRIC_NUMBERS if row[name].strip()}
    return texts | numbers if (texts.keys() - {"type"}) or numbers else {}


def _number(text: str) -> float | int | str:
    """A number as it was typed, or the text itself, for the document to refuse."""
    text = text.strip()
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _options(text: str) -> Iterator[tuple[str, str | bool]]:
    """Lines of `name = value`; true and false are themselves."""
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, value = (part.strip() for part in line.partition("="))
        yield name, {"true": True, "false": False}.get(value, value)
