"""The form of a rule: what people fill in, by the kind of what is wrong, and what a rule says."""

import math
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Form

from registry.model import RegionCode
from telemetry.alarms import rule_model
from telemetry.alarms.rule_model import Rule, RuleInvalid

_Field = Annotated[str, Form(max_length=100)]
_Number = Annotated[str, Form(max_length=32)]
_Unit = Annotated[str, Form(pattern="^(1|60|3600)$")]
_HOUR, _MINUTE = 3600, 60
# What criteria say that the form does not ask for.
_NOT_ASKED = {"change": ("longest_seconds",), "place": ("latitude", "longitude")}


@dataclass(frozen=True, slots=True)
class Given:
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
    lasting: _Number = ""
    lasting_unit: _Unit = "60"
    client: Annotated[str, Form(max_length=64)] = ""
    region: Annotated[str, Form(pattern="^[0-9]{0,6}$")] = ""
    collection: Annotated[str, Form(pattern="^[0-9]{0,9}$")] = ""
    terminal: Annotated[str, Form(max_length=64)] = ""
    version: Annotated[int | None, Form(ge=1)] = None

    def says(self) -> dict[str, Any]:
        """What can be changed of a rule later, too."""
        lasting = (_number(self.lasting) or 0) * int(self.lasting_unit)
        return {
            "name": self.name.strip(),
            "severity": self.severity,
            "criterion": {"kind": self.kind} | _without_none(self._criterion()),
            "for_seconds": round(lasting),
        }

    def of(self) -> dict[str, Any]:
        """Whose terminals a new rule is of."""
        return {
            "profile": self.profile,
            "group_client": self.client.strip() or None,
            "region": RegionCode(int(self.region)) if self.region else None,
            "collection": int(self.collection) if self.collection else None,
            "terminal": self.terminal.strip() or None,
        }

    def _criterion(self) -> dict[str, Any]:
        match self.kind:
            case "threshold":
                limits = {self.side: _number(self.limit), "clear": _number(self.clear)}
                return {"metric": self.metric, **limits}
            case "band":
                band = {"low": _number(self.low), "high": _number(self.high)}
                return {"metric": self.metric, **band, "margin": _number(self.margin)}
            case "change":
                seconds = (_number(self.within) or 0) * int(self.within_unit)
                limits = {"rise": _number(self.rise), "fall": _number(self.fall)}
                return {"metric": self.metric, **limits, "seconds": seconds}
            case "truth":
                return {"metric": self.truth, "wrong": self.wrong == "true"}
            case "place":
                margin = _number(self.margin_metres)
                return {"wrong": self.where, "fence": self._fence(), "margin_metres": margin}
            case "event":
                return {"code": self.code.strip() or None, "clear": self.ends.strip() or None}
        return {"metric": self.metric}

    def _fence(self) -> dict[str, Any]:
        if self.fence == "polygon":
            lines = [line for line in self.corners.splitlines() if line.strip()]
            return {"kind": "polygon", "points": [_corner(line) for line in lines]}
        numbers = {name: _number(getattr(self, name)) for name in ("latitude", "longitude")}
        circle = {"kind": "circle", **numbers, "metres": _number(self.metres)}
        return _without_none(circle)


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
    return Given(
        profile=rule.profile or "",
        name=rule.name,
        severity=rule.severity,
        kind=kind,
        metric=said.get("metric", ""),
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


def _number(text: str) -> float | None:
    """What a field says; None where it is empty."""
    if not text.strip():
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise RuleInvalid(f"This is no number: {text[:32]}", remedy="Give a number such as 21.5.")
    return number


def _corner(line: str) -> list[float]:
    parts = line.replace("，", ",").replace(",", " ").split()
    found = [_number(part) for part in parts]
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
