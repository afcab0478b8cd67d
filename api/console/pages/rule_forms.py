"""The form of a rule: what people fill in, by the kind of what is wrong, and what a rule says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Form

from api.console.pages import whose
from api.console.pages.numbers import number_given
from api.console.pages.whose import FIELDS, Whose
from foundation.errors import MusterError
from telemetry.alarms import rule_model
from telemetry.alarms.rule_model import Rule, RuleInvalid

_Field = Annotated[str, Form(max_length=100)]
_Number = Annotated[str, Form(max_length=32)]
_Unit = Annotated[str, Form(pattern="^(1|60|3600)$")]
_Missing = Annotated[str, Form(pattern="^(1|60|3600|intervals)$")]
_HOUR, _MINUTE = 3600, 60
EVERY = "-"
"""Stands for every profile where that of a rule is chosen."""

# What criteria say that the form does not ask for.
_NOT_ASKED = {"change": ("longest_seconds",), "place": ("latitude", "longitude")}
# In which field each part of a criterion is filled in, by its kind; all else in the first.
_FIELDS: dict[str, dict[str, str]] = {
    "threshold": {"": "limit", "clear": "clear"},
    "band": {"": "low", "high": "high", "margin": "margin"},
    "change": {"": "rise", "fall": "fall", "seconds": "within"},
    "stuck": {"": "metric"},
    "truth": {"": "truth"},
    "place": {"": "fence", "latitude": "latitude", "longitude": "longitude", "metres": "metres",
              "points": "corners", "margin_metres": "margin_metres"},
    "event": {"": "code", "clear": "ends"},
    "absent": {"": "missing", "metric": "missed"},
    "silence": {"": "silent", "back_seconds": "back"},
}  # fmt: skip
_ALWAYS = frozenset({"name", "kind", "lasting", "spans", "zone"})


@dataclass(frozen=True, slots=True)
class Given(Whose):
    """The form; what the chosen kind has no use for is left out."""

    profile: Annotated[str, Form(max_length=64)] = ""
    name: _Field = ""
    severity: Annotated[str, Form(max_length=16)] = "major"
    kind: Annotated[str, Form(max_length=16)] = "threshold"
    metric: _Field = ""
    side: Annotated[str, Form(pattern="^(above|below)$")] = "above"
    limit: _Number = ""
    clear: _Number = ""
    low: _Number = ""
    high: _Number = ""
    margin: _Number = ""
    rise: _Number = ""
    fall: _Number = ""
    within: _Number = "1"
    within_unit: _Unit = "60"
    truth: _Field = ""
    wrong: Annotated[str, Form(pattern="^(true|false)$")] = "true"
    where: Annotated[str, Form(pattern="^(inside|outside)$")] = "outside"
    fence: Annotated[str, Form(pattern="^(circle|polygon)$")] = "circle"
    latitude: _Number = ""
    longitude: _Number = ""
    metres: _Number = ""
    corners: Annotated[str, Form(max_length=10_000)] = ""
    margin_metres: _Number = ""
    code: _Field = ""
    ends: _Field = ""
    missed: _Field = ""
    missing: _Number = ""
    missing_unit: _Missing = "intervals"
    silent: Annotated[str, Form(pattern="^(data|session)$")] = "data"
    back: _Number = ""
    back_unit: _Unit = "60"
    lasting: _Number = ""
    lasting_unit: _Unit = "60"
    version: Annotated[int | None, Form(ge=1)] = None

    def says(self) -> dict[str, Any]:
        """What can be changed of a rule later, too."""
        return {
            "name": self.name.strip(),
            "severity": self.severity,
            "criterion": {"kind": self.kind} | _without_none(self._criterion()),
            "for_seconds": self._seconds("lasting", self.lasting_unit),
        }

    def of(self) -> dict[str, Any]:
        """Whose terminals a new rule is of."""
        return {"profile": None if self.profile == EVERY else self.profile, **Whose.of(self)}

    def _criterion(self) -> dict[str, Any]:
        match self.kind:
            case "threshold":
                limits = {self.side: self._number("limit"), "clear": self._number("clear")}
                return {"metric": self.metric, **limits}
            case "band":
                return {"metric": self.metric, **self._numbers("low", "high", "margin")}
            case "change":
                seconds = (self._number("within") or 0) * int(self.within_unit)
                return {"metric": self.metric, **self._numbers("rise", "fall"), "seconds": seconds}
            case "truth":
                return {"metric": self.truth, "wrong": self.wrong == "true"}
            case "place":
                margin = self._numbers("margin_metres")
                return {"wrong": self.where, "fence": self._fence(), **margin}
            case "event":
                return {"code": self.code.strip() or None, "clear": self.ends.strip() or None}
            case "absent":
                return {"metric": self.missed or None, **self._patience()}
            case "silence":
                return {"of": self.silent, "back_seconds": self._seconds("back", self.back_unit)}
        return {"metric": self.metric}

    def _patience(self) -> dict[str, Any]:
        if self.missing_unit == "intervals":
            return {"intervals": self._number("missing")}
        return {"seconds": self._seconds("missing", self.missing_unit) or None}

    def _fence(self) -> dict[str, Any]:
        if self.fence == "polygon":
            lines = [line for line in self.corners.splitlines() if line.strip()]
            return {"kind": "polygon", "points": [_corner(line) for line in lines]}
        circle = {"kind": "circle", **self._numbers("latitude", "longitude", "metres")}
        return _without_none(circle)

    def _numbers(self, *fields: str) -> dict[str, float | None]:
        return {field: self._number(field) for field in fields}

    def _number(self, field: str) -> float | None:
        return number_given(getattr(self, field), field, RuleInvalid)

    def _seconds(self, field: str, unit: str) -> int:
        return round((self._number(field) or 0) * int(unit))


def field_of(error: MusterError, given: Given, kinds: Sequence[str], *, is_new: bool) -> str:
    """Which field of the form, as it is shown, is filled in wrongly; empty where it is none."""
    fields = _FIELDS[given.kind] if given.kind in kinds else {"": "kind"}
    field = _field(whose.place_of(error), fields)
    return field if field in _ALWAYS | {*fields.values()} | (FIELDS if is_new else set()) else ""


def _field(place: str, fields: dict[str, str]) -> str:
    whole, *parts = place.split(".")
    if whole == "schedule":
        return "zone" if "zone" in parts else "spans"
    if whole == "criterion":
        return next((fields[part] for part in reversed(parts) if part in fields), fields[""])
    return "lasting" if whole == "for_seconds" else whole


def filled(rule: Rule) -> Given:
    """The form as a rule fills it in."""
    said = rule_model.written(rule.watched)
    kind = said["kind"]
    lasting, lasting_unit = _in_units(rule.for_seconds)
    values: dict[str, str] = {"lasting": lasting if rule.for_seconds else ""}
    if kind == "threshold":
        side = "above" if said["above"] is not None else "below"
        values |= {"side": side, "limit": _text(said[side]), "clear": _text(said["clear"])}
    elif kind == "change":
        within, unit = _in_units(said["seconds"])
        values |= {"within": within, "within_unit": unit}
        values |= {name: _text(said[name]) for name in ("rise", "fall")}
    elif kind == "band":
        values |= {name: _text(said[name]) for name in ("low", "high", "margin")}
    elif kind == "truth":
        values |= {"truth": said["metric"], "wrong": str(said["wrong"]).lower()}
    elif kind == "event":
        values |= {"code": said["code"], "ends": said["clear"] or ""}
    elif kind == "place":
        fence = said["fence"]
        values |= {"where": said["wrong"], "fence": fence["kind"]}
        values |= {"margin_metres": _text(said["margin_metres"])}
        values |= {name: _text(fence.get(name)) for name in ("latitude", "longitude", "metres")}
        corners = (f"{_text(lat)}, {_text(lon)}" for lat, lon in fence.get("points", ()))
        values["corners"] = "\n".join(corners)
    elif kind == "absent":
        missing, unit = _in_units(said["seconds"] or 0)
        if said["seconds"] is None:
            missing, unit = _text(said["intervals"]), "intervals"
        values |= {"missed": said["metric"] or "", "missing": missing, "missing_unit": unit}
    elif kind == "silence":
        back, unit = _in_units(said["back_seconds"])
        values |= {"silent": said["of"], "back": back, "back_unit": unit}
    return Given(
        profile=rule.profile or EVERY,
        name=rule.name,
        severity=rule.severity,
        kind=kind,
        metric=said.get("metric") or "",
        lasting_unit=lasting_unit,
        version=rule.version,
        **values,
    )


def with_the_rest(rule: Rule, criterion: dict[str, Any]) -> dict[str, Any]:
    """A criterion of the form, with what the rule's own says besides if it is of the same kind."""
    said = rule_model.written(rule.watched)
    if said["kind"] != criterion["kind"]:
        return criterion
    return {name: said[name] for name in _NOT_ASKED.get(said["kind"], ())} | criterion


def _corner(line: str) -> list[float]:
    parts = line.replace("，", ",").replace(",", " ").split()
    found = [number_given(part, "corners", RuleInvalid) for part in parts]
    if len(found) != 2:
        why = "A corner is a latitude and a longitude."
        raise RuleInvalid(why, field="corners", remedy="Give one corner on each line.")
    return [value for value in found if value is not None]


def _in_units(seconds: float) -> tuple[str, str]:
    """Seconds in the largest unit that parts them into whole ones, and that unit."""
    unit = next((unit for unit in (_HOUR, _MINUTE) if seconds and seconds % unit == 0), 1)
    return _text(seconds / unit), str(unit if seconds else _MINUTE)


def _text(value: float | None) -> str:
    return "" if value is None else repr(float(value)).removesuffix(".0")


def _without_none(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}
