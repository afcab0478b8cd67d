"""Storm thresholds: when many that fall silent together are one alarm, and how that is changed."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages.numbers import number_given
from api.console.pages.screen import Screen, Shows
from api.errors import VersionChanged
from foundation.errors import Invalid, MusterError, Refused
from registry.scope import Right
from telemetry.alarms import storm_thresholds
from telemetry.alarms.storm_thresholds import StormThreshold, ThresholdInvalid

router = APIRouter(prefix="/storm-thresholds")

Reading = Annotated[Screen, Shows(Right.RULES_READ)]
Changing = Annotated[Screen, Shows(Right.STORMS_CHANGE)]
By = Annotated[str, Path(max_length=20)]
_Number = Annotated[str, Form(max_length=32)]


@dataclass(frozen=True, slots=True)
class Given:
    """The form; the share is in per cent."""

    name: Annotated[str, Form(max_length=100)] = ""
    severity: Annotated[str, Form(max_length=16)] = ""
    least: _Number = ""
    share: _Number = ""
    window: _Number = ""
    version: Annotated[int | None, Form(ge=1)] = None

    def wanted(self) -> dict[str, Any]:
        """As the verb takes it."""
        return {
            "name": self.name.strip(),
            "severity": self.severity,
            "least": round(self._number("least")),
            "share": self._number("share") / 100,
            "window_seconds": round(self._number("window") * 60),
        }

    def _number(self, field: str) -> float:
        number = number_given(getattr(self, field), field, ThresholdInvalid)
        return 0 if number is None else number


@router.get("")
async def list_thresholds(screen: Reading) -> Response:
    """Each, in a sentence."""
    return screen.show(
        "storms.html",
        thresholds=await storm_thresholds.list_all(screen.conn, screen.scope),
        may_change=screen.may(Right.STORMS_CHANGE),
    )


@router.get("/{shared}")
async def show_form(screen: Changing, shared: By) -> Response:
    """The form of one of them."""
    found = await storm_thresholds.find(screen.conn, screen.scope, shared)
    given = Given(
        name=found.name,
        severity=found.severity,
        least=str(found.least),
        share=f"{found.share * 100:g}",
        window=f"{found.window_seconds / 60:g}",
        version=found.version,
    )
    return _form(screen, found, given, None)


@router.post("/{shared}")
async def change(screen: Changing, shared: By, given: Annotated[Given, Depends()]) -> Response:
    """Let storms begin otherwise from now on, or show the form again with what is wrong."""
    found = await storm_thresholds.find(screen.conn, screen.scope, shared)
    try:
        async with screen.attempt():
            wanted = given.wanted()
            changed = await storm_thresholds.change(screen.conn, screen.scope, shared, **wanted)
            if given.version is not None and changed.version != given.version + 1:
                raise VersionChanged
    except (Invalid, Refused) as error:
        return _form(screen, found, given, error)
    return RedirectResponse("/storm-thresholds", 303)


def _form(
    screen: Screen, found: StormThreshold, given: Given, error: MusterError | None
) -> Response:
    problem = problems.of_error(error) if error else None
    place = getattr(error, "field", None) or ""
    return screen.show(
        "storm.html",
        status=problem.status if problem else 200,
        problem=problem,
        wrong={"window_seconds": "window"}.get(place, place),
        threshold=found,
        given=given,
    )
