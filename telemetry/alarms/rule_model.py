"""Rules: on which terminals, what is wrong, and how it is written down; no I/O."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, TypeAdapter, ValidationError

from foundation.errors import Invalid, NotFound
from registry.model import DeviceProfile, Metric, MetricType
from telemetry.alarms.absence import Absent, ByTime, Silence
from telemetry.alarms.criteria import Band, Change, Place, Stuck, Threshold, Truth
from telemetry.alarms.places import AS_WRITTEN, Circle
from telemetry.alarms.schedules import Schedule

MOST_CORNERS = 200
LONGEST_ABSENT_SECONDS = 2_592_000
MOST_BACK_SECONDS = 86_400
NUMBERS = frozenset({MetricType.DOUBLE, MetricType.BIGINT})


class RuleInvalid(Invalid):
    """A rule that cannot be, or that would never or always be broken."""

    code = "rule_invalid"
    remedy = "See the guide to alarms for what each kind of rule needs."


class RuleNotFound(NotFound):
    """There is no such rule in the scope."""

    code = "rule_not_found"


@dataclass(frozen=True, slots=True)
class Happening:
    """An event whose code begins with `code`; one that begins with `clear` ends the alarm."""

    __pydantic_config__ = AS_WRITTEN

    code: str
    clear: str | None = None
    kind: Literal["event"] = "event"


OfReadings: TypeAlias = Threshold | Band | Truth | Place | Change | Stuck | Happening
"""What rows show as they come."""

Watched: TypeAlias = Annotated[OfReadings | ByTime, Discriminator("kind")]
_WATCHED: TypeAdapter[Any] = TypeAdapter(Watched)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is wrong with terminals of a profile that are in service, and how grave it is.

    It is of terminals of `group_client` and clients below it, or that are installed in `region`;
    perhaps of those in a collection only, or of one terminal. An alarm is raised when it has been
    so for `for_seconds`, and the schedule, if there is one, holds. Of silence it may be of every
    profile (None).
    """

    id: int
    version: int
    name: str
    group_client_id: int | None
    group_client: str | None
    region: int | None
    profile: str | None
    collection: int | None
    terminal: str | None
    severity: str
    watched: Watched
    for_seconds: int
    schedule: Schedule | None
    enabled: bool
    created_at: datetime
    changed_at: datetime


def written(watched: Watched) -> dict[str, Any]:
    """What is watched, as JSON has it."""
    said: dict[str, Any] = _WATCHED.dump_python(watched, mode="json")
    return said


def read(said: Mapping[str, Any]) -> Watched:
    """What JSON says; RuleInvalid tells what it lacks, or has and should not."""
    try:
        watched: Watched = _WATCHED.validate_python(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, ("criterion", *first["loc"][1:])))
        raise RuleInvalid(f"{where}: {first['msg']}.", field=where) from None
    return watched


def check(watched: Watched, profile: DeviceProfile | None) -> None:
    """RuleInvalid where the profile has not what is watched, or it never or always is so."""
    if isinstance(watched, Silence):
        if not 0 <= watched.back_seconds <= MOST_BACK_SECONDS:
            why = f"Who was silent is awaited for 0 to {MOST_BACK_SECONDS} seconds."
            raise RuleInvalid(why, field="criterion.back_seconds")
        return
    if profile is None:
        raise RuleInvalid("Only a rule of silence is of every profile.", field="profile")
    metrics = {m.name: m for m in profile.metrics if not m.hidden}
    match watched:
        case Absent():
            _check_absent(watched, metrics, profile.expected_interval_seconds)
        case Threshold():
            _check_threshold(watched, _metric(metrics, watched.metric, NUMBERS))
        case Band():
            _check_band(watched, _metric(metrics, watched.metric, NUMBERS))
        case Truth():
            _metric(metrics, watched.metric, frozenset({MetricType.BOOLEAN}))
        case Place():
            for name in watched.metrics:
                _metric(metrics, name, NUMBERS)
            _check_place(watched)
        case Change():
            _metric(metrics, watched.metric, NUMBERS)
            _check_change(watched)
        case Stuck():
            _metric(metrics, watched.metric, NUMBERS)
        case Happening():
            pass


def _metric(metrics: Mapping[str, Metric], name: str, kinds: frozenset[MetricType]) -> Metric:
    found = metrics.get(name)
    if found is None or found.type not in kinds:
        wanted = " or ".join(sorted(kind.value for kind in kinds))
        raise RuleInvalid(f"The profile has no {name[:64]} that is {wanted}.", field="criterion")
    return found


def _check_threshold(rule: Threshold, metric: Metric) -> None:
    if (rule.above is None) == (rule.below is None):
        raise RuleInvalid("A threshold is above or below a value.", field="criterion")
    limit = rule.above if rule.above is not None else rule.below
    assert limit is not None
    clear = limit if rule.clear is None else rule.clear
    if (clear > limit) if rule.above is not None else (clear < limit):
        raise RuleInvalid("It clears on the good side of the limit.", field="criterion.clear")
    low = -math.inf if metric.low is None else metric.low
    high = math.inf if metric.high is None else metric.high
    never = limit >= high if rule.above is not None else limit <= low
    always = limit < low if rule.above is not None else limit > high
    if never or always:
        often = "never" if never else "always"
        why = f"{metric.name} is between {low:g} and {high:g}: the limit would {often} be passed."
        raise RuleInvalid(why, field="criterion")
    if not low <= clear <= high:
        raise RuleInvalid(f"{metric.name} never comes where it clears.", field="criterion.clear")


def _check_band(rule: Band, metric: Metric) -> None:
    if rule.low > rule.high or rule.margin < 0 or rule.low + rule.margin > rule.high - rule.margin:
        raise RuleInvalid("Nothing would be well within this band.", field="criterion")
    low = -math.inf if metric.low is None else metric.low
    high = math.inf if metric.high is None else metric.high
    if (rule.low <= low and rule.high >= high) or rule.low > high or rule.high < low:
        why = (
            f"{metric.name} is between {low:g} and {high:g}: that never or always leaves the band."
        )
        raise RuleInvalid(why, field="criterion")


def _check_place(rule: Place) -> None:
    if isinstance(rule.fence, Circle):
        points, fits = [(rule.fence.latitude, rule.fence.longitude)], 1 <= rule.fence.metres <= 1e6
    else:
        points, fits = list(rule.fence.points), 3 <= len(rule.fence.points) <= MOST_CORNERS
    if not fits or rule.margin_metres < 0:
        why = f"A circle has 1 to 1,000,000 metres, a polygon 3 to {MOST_CORNERS} points."
        raise RuleInvalid(why, field="criterion.fence")
    if not all(-90 <= lat <= 90 and -180 <= lon <= 180 for lat, lon in points):
        why = "Latitudes are -90 to 90 and longitudes -180 to 180 degrees."
        raise RuleInvalid(why, field="criterion.fence")


def _check_change(rule: Change) -> None:
    limits = [limit for limit in (rule.rise, rule.fall) if limit is not None]
    if not limits or min(limits) < 0 or rule.seconds <= 0 or rule.longest_seconds <= 0:
        why = "A change has a rise or a fall that is positive, in some seconds."
        raise RuleInvalid(why, field="criterion")


def _check_absent(rule: Absent, metrics: Mapping[str, Metric], interval_seconds: int) -> None:
    if rule.metric is not None and rule.metric not in metrics:
        raise RuleInvalid(f"The profile has no {rule.metric[:64]}.", field="criterion.metric")
    if (rule.seconds is None) == (rule.intervals is None):
        why = "Something is absent after some seconds, or after some expected intervals."
        raise RuleInvalid(why, field="criterion")
    seconds = rule.seconds if rule.seconds is not None else (rule.intervals or 0) * interval_seconds
    if seconds <= interval_seconds:
        why = f"Such terminals report every {interval_seconds} seconds: that would always be so."
        raise RuleInvalid(why, field="criterion")
    if seconds > LONGEST_ABSENT_SECONDS:
        days = LONGEST_ABSENT_SECONDS // 86_400
        raise RuleInvalid(f"It is looked for within {days} days.", field="criterion")
