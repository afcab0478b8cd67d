"""Rules as people read and write them; a kind that is not known here is told by its own name.

`_` only marks, as in `words`.
"""

import re
from collections.abc import Mapping


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
}
# How many seconds people count in.
UNITS = {"1": _("seconds"), "60": _("minutes"), "3600": _("hours")}
SPANS = {"1": _("24 hours"), "7": _("7 days"), "31": _("31 days")}

# Why a rule cannot be, by the room's own sentence.
_RANGE = r"(?P<metric>\S+) is between (?P<low>\S+) and (?P<high>\S+): "
_WHYS = (
    (r"The profile has no (?P<metric>.+) that is .+", _("This profile measures no %(metric)s.")),
    (r"A threshold is above or below .+", _("Name the limit.")),
    (r"It clears on the good side .+", _("It ends on the good side of the limit.")),
    (_RANGE + r"the limit would .+",
     _("%(metric)s is between %(low)s and %(high)s: this limit is always passed, or never.")),
    (_RANGE + r"that never or always .+",
     _("%(metric)s is between %(low)s and %(high)s: it never or always leaves this band.")),
    (r"(?P<metric>\S+) never comes where it clears\.",
     _("%(metric)s never comes where the alarm would end.")),
    (r"Nothing would be well .+", _("Nothing would be well within this band.")),
    (r"A circle has .+", _("A circle has 1 to 1,000,000 metres, a polygon 3 to 200 corners.")),
    (r"Latitudes are .+", _("Latitudes are -90 to 90 and longitudes -180 to 180 degrees.")),
    (r"A change has .+", _("Name a rise or a fall that is positive, and in which time.")),
    (r"A rule is of a collection by hand.+", _("Choose a collection made by hand.")),
    (r"A rule waits .+", _("A rule waits seven days at most.")),
    (r"criterion\S*: .+", _("Something of what it watches for is missing.")),
    (r"A rule has a name\.", _("Say what is wrong, in a few words: the name of the rule.")),
    (r"This is no number: (?P<text>.*)", _("This is no number: %(text)s")),
    (r"A corner is .+", _("A corner is a latitude and a longitude, one corner on each line.")),
)  # fmt: skip
_COMPILED = [(re.compile(pattern, re.DOTALL), text) for pattern, text in _WHYS]


def why(detail: str) -> tuple[str, Mapping[str, str]] | None:
    """What is wrong with a rule, to be translated, and what to fill in; None if it is not known."""
    for pattern, text in _COMPILED:
        if found := pattern.fullmatch(detail):
            return text, {k: v for k, v in found.groupdict().items() if v is not None}
    return None
