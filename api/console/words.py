"""The words of the trade as people read them, and the tone in which the console says them.

`_` only marks: what is marked here is extracted into the catalogues and translated in templates.
"""

from enum import StrEnum

from registry.model import FileState, MetricType, Sector, Standing, TerminalState
from telemetry.book import FileWork
from telemetry.gaps import GapKind
from telemetry.model import Reason, SessionState


def _(text: str) -> str:
    return text


class Data(StrEnum):
    """What the console says of a terminal's data."""

    REPORTING = "reporting"
    SILENT = "silent"
    NEVER = "never"
    IDLE = "idle"


DATA = {
    Data.REPORTING: _("reporting"),
    Data.SILENT: _("silent"),
    Data.NEVER: _("never heard"),
    Data.IDLE: _("not counted"),
}
SEVERITIES = {
    "critical": _("critical"),
    "major": _("major"),
    "minor": _("minor"),
    "warning": _("warning"),
    "indeterminate": _("for the record"),
}
SEVERITY_TONES = {
    "critical": "bad",
    "major": "bad",
    "minor": "warn",
    "warning": "warn",
    "indeterminate": "mute",
}

# Why a terminal may be silent, by the profile's own word for it.
PAUSES = {
    "asleep": _("asleep"),
    "disarmed": _("disarmed"),
    "parked": _("parked"),
    "power_lost": _("without power"),
}
DATA_TONES = {Data.REPORTING: "ok", Data.SILENT: "bad", Data.NEVER: "warn", Data.IDLE: "mute"}


SESSIONS = {
    SessionState.ONLINE: _("online"),
    SessionState.OFFLINE: _("offline"),
    SessionState.UNKNOWN: _("unknown"),
}


STATES = {
    TerminalState.REGISTERED: _("registered"),
    TerminalState.PROVISIONED: _("provisioned"),
    TerminalState.TESTING: _("in testing"),
    TerminalState.IN_SERVICE: _("in service"),
    TerminalState.MAINTENANCE: _("in maintenance"),
    TerminalState.ISOLATED: _("isolated"),
    TerminalState.RETIRED: _("retired"),
}
STATE_TONES = {
    TerminalState.REGISTERED: "mute",
    TerminalState.PROVISIONED: "mute",
    TerminalState.TESTING: "mute",
    TerminalState.IN_SERVICE: "ok",
    TerminalState.MAINTENANCE: "warn",
    TerminalState.ISOLATED: "bad",
    TerminalState.RETIRED: "mute",
}

MOVES = {
    TerminalState.PROVISIONED: _("Provision"),
    TerminalState.TESTING: _("Put into testing"),
    TerminalState.IN_SERVICE: _("Put into service"),
    TerminalState.MAINTENANCE: _("Put into maintenance"),
    TerminalState.ISOLATED: _("Isolate"),
    TerminalState.RETIRED: _("Retire for good"),
}

WIRE_NAMES = {
    "jt808_phone": _("phone of a JT/T 808 terminal"),
    "meter_address": _("address of a meter"),
    "dc09_account": _("account of an alarm panel"),
    "vin": _("VIN of a vehicle"),
    "code": _("code of its own"),
}

SECTORS = {
    Sector.POWER: _("Power"),
    Sector.TRANSPORT: _("Transport"),
    Sector.SECURITY: _("Security"),
}

METRIC_TYPES = {
    MetricType.DOUBLE: _("number"),
    MetricType.BIGINT: _("whole number"),
    MetricType.BOOLEAN: _("yes or no"),
    MetricType.TEXT: _("text"),
}

FILE_STATES = {
    FileState.SURVEYED: _("surveyed"),
    FileState.FILED: _("filed"),
    FileState.VERIFIED: _("verified"),
    FileState.DUE: _("due for verification"),
    FileState.CLOSED: _("closed"),
}
FILE_TONES = {
    FileState.SURVEYED: "mute",
    FileState.FILED: "mute",
    FileState.VERIFIED: "ok",
    FileState.DUE: "warn",
    FileState.CLOSED: "mute",
}
FILE_WORK = {
    FileWork.SURVEY: _("survey it"),
    FileWork.FILE: _("put it on file"),
    FileWork.VERIFY: _("verify it"),
    FileWork.REVERIFY: _("verify it again"),
}

STANDINGS = {
    Standing.PROSPECT: _("prospect"),
    Standing.CUSTOMER: _("customer"),
    Standing.LOST: _("lost"),
}

RANGES = {"1h": _("1 h"), "24h": _("24 h"), "7d": _("7 d"), "31d": _("31 d"), "1y": _("1 y")}

GAPS = {
    GapKind.MISSING: _("not come while later ones have"),
    GapKind.GIVEN_UP: _("given up by the terminal"),
    GapKind.SESSION_LOST: _("the broker forgot what it held"),
    GapKind.BROKER_RESTARTED: _("the broker came back from an old save"),
    GapKind.BROKER_DROPPED: _("the broker had no room"),
}

REASONS = {
    Reason.MALFORMED: _("malformed"),
    Reason.UNKNOWN_TERMINAL: _("unknown terminal"),
    Reason.NOT_IN_SERVICE: _("not in service"),
    Reason.WRONG_IDENTITY: _("wrong identity"),
    Reason.UNKNOWN_METRIC: _("unknown metric"),
    Reason.WRONG_TYPE: _("wrong type"),
    Reason.OUT_OF_RANGE: _("out of range"),
    Reason.CLOCK: _("wrong clock"),
    Reason.OTHER_OWNER: _("another owner's time"),
    Reason.TOO_LARGE: _("too large"),
    Reason.FLOOD: _("flood"),
    Reason.CONFLICT: _("conflict"),
    Reason.REFUSED_BY_DATABASE: _("refused by the database"),
}

OUTCOMES = {
    "stored": _("stored"),
    "duplicate": _("stored before"),
    "quarantined": _("refused again"),
    "gone": _("forgotten"),
    None: _("waiting"),
}
OUTCOME_TONES = {
    "stored": "ok",
    "duplicate": "ok",
    "quarantined": "warn",
    "gone": "mute",
    None: "mute",
}

REASON_MEANINGS = {
    Reason.MALFORMED: _("The bytes are not what the profile's codec reads."),
    Reason.UNKNOWN_TERMINAL: _("The topic names a terminal that is not on the roll."),
    Reason.NOT_IN_SERVICE: _("The terminal's state does not let its readings be stored."),
    Reason.WRONG_IDENTITY: _("The message speaks for another terminal than the one that sent it."),
    Reason.UNKNOWN_METRIC: _("The profile has no metric of this name."),
    Reason.WRONG_TYPE: _("The value is of another type than the metric."),
    Reason.OUT_OF_RANGE: _("The value lies outside the range that the profile accepts."),
    Reason.CLOCK: _("The time lies too far back or ahead of our clock."),
    Reason.OTHER_OWNER: _("The reading is of a time when the terminal had another owner."),
    Reason.TOO_LARGE: _("The message is larger than is accepted."),
    Reason.FLOOD: _("The terminal sends far more than it is allowed to."),
    Reason.CONFLICT: _("Another value of the same metric and time is stored already."),
    Reason.REFUSED_BY_DATABASE: _("The database refused the row for what is in it."),
}

REASON_REMEDIES = {
    Reason.MALFORMED: _("compare the bytes with the example on the profile's page."),
    Reason.UNKNOWN_TERMINAL: _("register it under this code, or correct its topic."),
    Reason.NOT_IN_SERVICE: _("put the terminal into service, if it should be."),
    Reason.WRONG_IDENTITY: _("check which hardware and SIM are installed, and the gateway."),
    Reason.UNKNOWN_METRIC: _("add the metric to the profile, or correct its name in the device."),
    Reason.WRONG_TYPE: _("correct the type in the device; a metric's type never changes."),
    Reason.OUT_OF_RANGE: _("check unit and sensor; if the range is wrong, correct the profile."),
    Reason.CLOCK: _("set the device's clock, and check its time zone and unit of time."),
    Reason.OTHER_OWNER: _("decide whose it is; nobody else can see this message."),
    Reason.TOO_LARGE: _("send fewer readings in one message."),
    Reason.FLOOD: _("look for a loop in the device; isolate it if it goes on."),
    Reason.CONFLICT: _("check whether two devices use the same code, or a clock stood still."),
    Reason.REFUSED_BY_DATABASE: _("give the number of this message to an administrator."),
}

# UCUM, as profiles have it, to what people write.
UNITS = {
    "1": "",
    "Cel": "°C",
    "deg": "°",
    "[ppm]": "ppm",
    "kW.h": "kWh",
    "MW.h": "MWh",
    "Mvar": "Mvar",
    "m2": "m²",
    "m3": "m³",
}
