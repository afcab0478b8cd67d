"""Alarms as people read of them; what is not known here yet is told by its own name.

`_` only marks, as in `words`.
"""

from telemetry.alarms.desk import Alarm


def _(text: str) -> str:
    return text


# Which alarms the desk shows, by the word in its address.
SHOWN = {
    "": _("open"),
    "new": _("open, nobody has taken note"),
    "late": _("open, nobody took note in time"),
    "acknowledged": _("open, acknowledged"),
    "quiet": _("open and quiet"),
    "shelved": _("shelved"),
    "cleared": _("over"),
    "all": _("open and over"),
}
STATES = {
    "new": _("new"),
    "acknowledged": _("acknowledged"),
    "shelved": _("shelved"),
    "cleared": _("over"),
}
TONES = {"new": "bad", "acknowledged": "warn", "shelved": "mute", "cleared": "ok"}

# What the terminals of a storm share.
SHARED = {
    "gateway": _("behind the gateway"),
    "city": _("in the city"),
    "apn": _("on the APN"),
    "profile": _("of the profile"),
    "broker": _("behind the broker"),
}

# Which terminals may be a storm.
STORMS = {
    "gateway": _("of one gateway"),
    "city": _("of one city"),
    "apn": _("of one APN"),
    "profile": _("of one profile"),
    "broker": _("of one broker"),
}

# Why an alarm is over.
ENDS = {
    "reading": _("what was wrong is well again"),
    "transfer": _("the terminal has another owner"),
    "state": _("the terminal is not in service any more"),
    "rule": _("the rule is not held any more, or watches for something else"),
    "person": _("somebody said so"),
    "return": _("the terminal is back"),
    "storm": _("its terminals are back, or it is part of a larger one"),
}

# What somebody did about one.
DEEDS = {
    "acknowledged": _("took note of it"),
    "assigned": _("said who looks after it"),
    "shelved": _("put it out of sight"),
    "unshelved": _("brought it back"),
    "cleared": _("said that it is over"),
    "commented": _("said"),
}

# How long one may be put out of sight, in hours.
SHELVES = {"1": _("1 hour"), "8": _("8 hours"), "24": _("24 hours"), "168": _("7 days"),
           "720": _("30 days")}  # fmt: skip


def state_of(alarm: Alarm) -> str:
    """In which of the states people tell apart an alarm is."""
    if alarm.cleared_at is not None:
        return "cleared"
    if alarm.shelved_until is not None:
        return "shelved"
    return "new" if alarm.acknowledged_at is None else "acknowledged"
