"""Rules as people read and write them; a kind that is not known here is told by its own name.

`_` only marks, as in `words`.
"""


def _(text: str) -> str:
    return text


KINDS = {
    "threshold": _("a limit is passed"),
    "band": _("outside a band"),
    "change": _("changes too fast"),
    "stuck": _("stays the same"),
    "truth": _("a yes or no is wrong"),
    "place": _("is where it should not be"),
    "event": _("an event happens"),
    "absent": _("something does not come"),
    "silence": _("the terminal is silent"),
}
# How many seconds people count in.
UNITS = {"1": _("seconds"), "60": _("minutes"), "3600": _("hours")}
# How long something may not come, also in what a profile expects.
PATIENCES = {"intervals": _("expected intervals"), **UNITS}
DAYS = {1: _("Mon"), 2: _("Tue"), 3: _("Wed"), 4: _("Thu"), 5: _("Fri"), 6: _("Sat"), 7: _("Sun")}
SPANS = {"1": _("24 hours"), "7": _("7 days"), "31": _("31 days")}
