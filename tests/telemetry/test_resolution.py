"""Plans of what a series is read from: they make up the window, and take whole buckets only."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from telemetry import resolution
from telemetry.model import Resolution
from telemetry.resolution import DAY, HOUR, Ground, Plan, Span

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
EVER, NEVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

_moments = st.integers(-10 * 86_400, 10 * 86_400).map(lambda s: MIDNIGHT + timedelta(seconds=s))
_hours = st.integers(-240, 240).map(lambda h: MIDNIGHT + h * HOUR)
_days = st.integers(-10, 10).map(lambda d: MIDNIGHT + d * DAY)


def ground(
    complete_from: datetime = EVER,
    raw_from: datetime = EVER,
    unseen_from: datetime = NEVER,
    due_hours: list[datetime] | None = None,
    due_days: list[datetime] | None = None,
) -> Ground:
    """All rolled up, but for what is given."""
    return Ground(
        complete_from=complete_from, raw_from=raw_from, unseen_from=unseen_from,
        due_hours=due_hours or [], due_days=due_days or [],
    )  # fmt: skip


def overlaps(span: Span, start: datetime, end: datetime) -> bool:
    return span[0] < end and start < span[1]


@given(
    start=_moments,
    seconds=st.integers(1, 20 * 86_400),
    steps=st.lists(st.one_of(_moments, _hours, _days), max_size=20),
    cuts=st.lists(st.one_of(_moments, _hours), max_size=30),
    complete_from=st.one_of(st.just(EVER), _days),
    raw_from=st.one_of(st.just(EVER), _days),
    unseen_from=st.one_of(st.just(NEVER), _moments),
    due_hours=st.lists(_hours, max_size=40),
    due_days=st.lists(_days, max_size=5),
)
def test_a_plan_makes_up_the_window_of_whole_buckets(
    start: datetime,
    seconds: int,
    steps: list[datetime],
    cuts: list[datetime],
    complete_from: datetime,
    raw_from: datetime,
    unseen_from: datetime,
    due_hours: list[datetime],
    due_days: list[datetime],
) -> None:
    """Nothing is left out or taken twice, and no bucket is taken that is cut, due or unknown."""
    end = start + timedelta(seconds=seconds)
    given_ = ground(complete_from, raw_from, unseen_from, due_hours, due_days)
    plan = resolution.plan((start, end), steps, cuts, given_)
    spans = sorted([*plan.raw, *plan.hourly, *plan.daily])
    assert (spans[0][0], spans[-1][1]) == (start, end)
    assert all(one[1] == next_[0] for one, next_ in pairwise(spans))
    assert all(len(kind) <= 48 for kind in (plan.raw, plan.hourly, plan.daily))
    for kind, width, due in ((plan.hourly, HOUR, due_hours), (plan.daily, DAY, due_days)):
        for span in kind:
            assert (span[0] - EVER) % width == (span[1] - EVER) % width == timedelta(0)
            for edge in (*steps, *cuts):
                inside = span[0] <= edge < span[1] and start < edge < end
                assert not inside or (edge - EVER) % width == timedelta(0)
            known = max(span[0], raw_from)
            assert known >= min(complete_from, span[1]) or known >= span[1]
            assert unseen_from >= span[1] or raw_from >= span[1]
            for bucket in due:
                assert not overlaps(span, bucket, bucket + width) or (
                    width == HOUR and bucket < raw_from
                )
        # An hour that is due is in no day.
        if width == DAY:
            assert not any(
                overlaps(span, hour, hour + HOUR) and hour >= raw_from
                for span in kind
                for hour in due_hours
            )


def test_what_is_whole_is_read_by_day_then_by_hour() -> None:
    """The open ends of a window are raw, the hours beside whole days are hours."""
    window = (MIDNIGHT - HOUR / 2, MIDNIGHT + DAY + 3 * HOUR)
    plan = resolution.plan(window, [], [], ground())
    assert plan.raw == [(window[0], MIDNIGHT)]
    assert plan.daily == [(MIDNIGHT, MIDNIGHT + DAY)]
    assert plan.hourly == [(MIDNIGHT + DAY, MIDNIGHT + DAY + 3 * HOUR)]
    assert resolution.resolution([plan]) is Resolution.MIXED
    assert resolution.resolution([Plan([], plan.hourly)]) is Resolution.HOURLY
    assert resolution.resolution([Plan([window])]) is Resolution.RAW


def test_too_many_pieces_are_read_raw() -> None:
    """A query stays short: what lies between the most cuts is raw as well."""
    window = (MIDNIGHT, MIDNIGHT + 20 * DAY)
    cuts = [MIDNIGHT + 5 * k * HOUR + HOUR / 3 for k in range(96)]
    plan = resolution.plan(window, [], cuts, ground())
    assert len(plan.raw) <= resolution.MOST_SPANS
    assert len(plan.hourly) == resolution.MOST_SPANS - 1
