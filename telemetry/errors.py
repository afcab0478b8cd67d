"""What can be wrong with storing and reading what was measured."""

from foundation.errors import Invalid, NotFound, Refused, Unavailable


class BridgeNameTaken(Refused):
    """Another bridge with this name is at work."""

    code = "bridge_name_taken"
    remedy = "Stop it, or give this one another MUSTER_BRIDGE_NAME and MQTT account."


class TooManyRefused(Unavailable):
    """The database refuses so many rows of one batch that the fault must be ours."""

    code = "too_many_refused"
    remedy = "Compare the profile's table with the registry; nothing is acknowledged meanwhile."


class MetricUnknown(Invalid):
    """The terminal's profile has no such metric."""

    code = "metric_unknown"
    remedy = "See the profile for its metrics."


class AggregateImpossible(Invalid):
    """This metric's values cannot be put together like that."""

    code = "aggregate_impossible"
    remedy = "Ask for count, first or last."


class TooManyPoints(Invalid):
    """The answer would have more points than anybody can use."""

    code = "too_many_points"
    remedy = "Ask for a shorter time or a longer step."


class TooManyReadings(Invalid):
    """More would have to be read than one answer may take."""

    code = "too_many_readings"
    remedy = "Ask for less or for values by step, or have it exported: /api/v1/telemetry/exports."


class QueryTooCostly(Invalid):
    """More would have to be read than one question may take."""

    code = "query_too_costly"
    remedy = "Ask for less, or have it exported."


class ParquetMissing(Invalid):
    """This installation does not write Parquet."""

    code = "parquet_missing"
    remedy = "Ask for csv or ndjson, or have pyarrow installed (the platform engineer's guide)."


class TerminalsInvalid(Invalid):
    """So many terminals cannot be asked for at once."""

    code = "terminals_invalid"
    remedy = "Name fewer, parted by commas, or ask for the others after them."


class SetTooLarge(Invalid):
    """These are more than 10,000 terminals, or more than 1,000,000 steps of all of them."""

    code = "set_too_large"
    remedy = "Ask for a longer step, a shorter time, or fewer terminals: a city, a collection."


class SetInvalid(Invalid):
    """Name a collection, a group client or a region: one of the three."""

    code = "set_invalid"


class StepInvalid(Invalid):
    """A step is 1 s to 366 days: seconds, or a number with s, m, h or d, such as 15m."""

    code = "step_invalid"


class StepMissing(Invalid):
    """This needs a step."""

    code = "step_missing"
    remedy = "Give a step, such as step=15m."


class TimeZoneUnknown(Invalid):
    """There is no such time zone."""

    code = "time_zone_unknown"
    remedy = "Name one as the IANA does, such as Asia/Shanghai."


class FillImpossible(Invalid):
    """Between these values there is nothing."""

    code = "fill_impossible"
    remedy = "Name only metrics that are numbers, or fill with null or previous."


class PointsInvalid(Invalid):
    """Points are 3 to 10,000 of each metric."""

    code = "points_invalid"


class TimesInvalid(Invalid):
    """The times must have an offset, and the first must be before the last."""

    code = "times_invalid"


class WindowTooLong(Invalid):
    """A window is ten years long at most."""

    code = "window_too_long"
    remedy = "Ask for a shorter time, one after the other if need be."


class DayNotTaken(Invalid):
    """No figures of this day were taken."""

    code = "day_not_taken"
    remedy = "Ask for one of the days of /api/v1/supervision/days, or for none to see the present."


class LimitInvalid(Invalid):
    """A page has 1 to 1000 items."""

    code = "limit_invalid"


class QuarantineItemNotFound(NotFound):
    """There is no such refused message, or it is not yours to see."""

    code = "quarantine_item_not_found"


class NothingToReplay(Refused):
    """There is no refused message that fits."""

    code = "nothing_to_replay"
    remedy = "Look with the same search at the quarantine; what is resolved is left out."


class ReplayNotFound(NotFound):
    """There is no such replay, or somebody else asked for it."""

    code = "replay_not_found"


class BookmarkInvalid(Invalid):
    """This is no place in the live feed of this installation."""

    code = "bookmark_invalid"
    remedy = "Send an `id` that this stream gave before, as it was, or none to begin now."


class TooManyFollowed(Invalid):
    """These are more terminals than one live stream follows."""

    code = "too_many_followed"
    remedy = "Follow fewer: of a client, a city, a profile or a collection, with a stream for each."
