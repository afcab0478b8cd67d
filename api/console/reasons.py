"""Why a rule, a window, a threshold or a channel cannot be, as people read of it.

`_` only marks, as in `words`.
"""

import re
from collections.abc import Mapping


def _(text: str) -> str:
    return text


# Of problems of these codes, by the verb's own sentence.
CODES = ("rule_invalid", "schedule_invalid", "maintenance_window_invalid",
         "storm_threshold_invalid", "channel_invalid", "address_refused")  # fmt: skip
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
    (r"A rule waits .+", _("A rule waits seven days at most.")),
    (r"The profile has no (?P<metric>\S+)\.", _("This profile measures no %(metric)s.")),
    (r"Something is absent after .+", _("Say for how long nothing may come.")),
    (r"Such terminals report every (?P<seconds>\d+) seconds: .+",
     _("Such terminals report every %(seconds)s seconds: that would always be so.")),
    (r"It is looked for within (?P<days>\d+) days\.",
     _("It is looked for within %(days)s days: name a shorter time.")),
    (r"Who was silent is awaited .+", _("Who was silent is awaited for a day at most.")),
    (r"Only a rule of silence .+", _("Only a rule of silence is of every profile.")),
    (r"This is no mail address\.", _("This is no mail address.")),
    (r"A number has .+", _("A number has 5 to 15 digits, perhaps with a + before them.")),
    (r"Name some of .+", _("Choose one at least, of those that this kind knows.")),
    (r"Quiet hours are .+", _("Quiet hours are from one time of day to another.")),
    (r"A secret is plain .+", _("A secret is plain text of up to 200 letters.")),
    (r"A channel of kind .+", _("A channel of this kind has no secret.")),
    (r"A webhook's secret .+", _("A webhook's secret is Muster's: leave it empty.")),
    (r"Say where you are .+", _("Say where you are to be told.")),
    (r"There is no such time zone; .+",
     _("There is no such time zone: name one such as Asia/Shanghai.")),
    (r"There is no time zone (?P<zone>.+)\.",
     _("There is no time zone %(zone)s: name one such as Asia/Shanghai.")),
    (r"A schedule has 1 to .+", _("A schedule has 1 to 20 lines.")),
    (r"A span has days .+", _("Choose the days of this line.")),
    (r"A span begins and ends .+", _("A line begins and ends at two times of the day.")),
    (r"schedule\S*: .+", _("A line has days, a beginning and an end.")),
    (r"criterion\S*: .+", _("Something of what it watches for is missing.")),
    (r"A rule has a name\.", _("Say what is wrong, in a few words: the name of the rule.")),
    (r"A maintenance window that .+",
     _("It ends after it begins, in time to come, and lasts 366 days at most.")),
    (r"A window has a reason\.", _("Say what is done.")),
    (r"A storm has a name .+", _("Say what its alarms are called, in 100 letters at most.")),
    (r"It takes (?P<least>\d+) to (?P<most>\d+) terminals .+",
     _("It takes %(least)s to %(most)s terminals at least.")),
    (r"It takes a share .+", _("It takes more than 0 and at most 100 per cent.")),
    (r"They fall silent within .+", _("They fall silent within 10 seconds to an hour.")),
    (r"This is no number: (?P<text>.*)", _("This is no number: %(text)s")),
    (r"A corner is .+", _("A corner is a latitude and a longitude, one corner on each line.")),
)  # fmt: skip
_COMPILED = [(re.compile(pattern, re.DOTALL), text) for pattern, text in _WHYS]


def why(detail: str) -> tuple[str, Mapping[str, str]] | None:
    """What is wrong, to be translated, and what to fill in; None if it is not known."""
    for pattern, text in _COMPILED:
        if found := pattern.fullmatch(detail):
            return text, {k: v for k, v in found.groupdict().items() if v is not None}
    return None
