"""What alarm panels mean by Contact ID (SIA DC-05) and by SIA's two letters (SIA DC-03); pure.

Both become the same events. What ends is told by the same name with `_restored` behind it, so that
an alarm that is raised by `burglary_alarm` is cleared by `burglary_alarm_restored`.
"""

from typing import NamedTuple


class Meaning(NamedTuple):
    """An event's code and its severity (ITU-T X.733)."""

    code: str
    severity: str


_QUIET = "indeterminate"
RESTORED = "_restored"

# --- Contact ID: by event code; what is not listed is told by its class --------------------------

_CID: dict[int, tuple[str, str]] = {
    101: ("personal_emergency_alarm", "critical"), 102: ("no_sign_of_life_alarm", "critical"),
    111: ("smoke_alarm", "critical"), 113: ("water_flow_alarm", "critical"),
    114: ("heat_alarm", "critical"), 115: ("fire_call_point_alarm", "critical"),
    121: ("duress_alarm", "critical"), 122: ("silent_panic_alarm", "critical"),
    124: ("duress_alarm", "critical"), 125: ("duress_alarm", "critical"),
    137: ("tamper_alarm", "major"), 139: ("burglary_verified", "critical"),
    143: ("expansion_trouble", "minor"), 144: ("tamper_alarm", "major"),
    145: ("tamper_alarm", "major"), 146: ("silent_burglary_alarm", "critical"),
    147: ("sensor_lost", "minor"), 151: ("gas_alarm", "critical"),
    152: ("refrigeration_alarm", "major"), 153: ("heating_failed", "major"),
    154: ("water_alarm", "major"), 158: ("high_temperature_alarm", "major"),
    159: ("low_temperature_alarm", "major"), 161: ("air_flow_failed", "major"),
    162: ("carbon_monoxide_alarm", "critical"), 301: ("mains_lost", "major"),
    302: ("battery_low", "minor"), 305: ("panel_reset", "warning"),
    306: ("panel_programmed", "warning"), 309: ("battery_test_failed", "minor"),
    311: ("battery_missing", "minor"), 344: ("radio_jammed", "major"),
    351: ("phone_line_lost", "minor"), 352: ("phone_line_lost", "minor"),
    354: ("report_not_delivered", "minor"), 373: ("fire_trouble", "major"),
    374: ("exit_error_alarm", "major"), 381: ("sensor_lost", "minor"),
    383: ("tamper_alarm", "major"), 384: ("sensor_battery_low", "warning"),
    406: ("alarm_cancelled", _QUIET), 412: ("programmed_from_afar", "warning"),
    421: ("access_denied", "warning"), 422: ("access_granted", _QUIET),
    461: ("wrong_code_entered", "warning"), 570: ("zone_bypassed", "warning"),
    571: ("fire_zone_bypassed", "major"), 573: ("burglary_zone_bypassed", "warning"),
    601: ("manual_test", _QUIET), 602: ("periodic_test", _QUIET), 607: ("walk_test", _QUIET),
    608: ("periodic_test_with_trouble", "warning"), 616: ("service_request", "warning"),
}  # fmt: skip
# By the first two digits, then by the first.
_CID_CLASSES: dict[int, tuple[str, str]] = {
    10: ("medical_alarm", "critical"), 11: ("fire_alarm", "critical"),
    12: ("panic_alarm", "critical"), 13: ("burglary_alarm", "critical"),
    14: ("general_alarm", "major"), 15: ("supervised_alarm", "major"),
    16: ("supervised_alarm", "major"), 20: ("fire_supervisory", "major"),
    32: ("sounder_trouble", "minor"), 33: ("peripheral_trouble", "minor"),
    35: ("communication_trouble", "minor"), 37: ("loop_trouble", "minor"),
    38: ("sensor_trouble", "minor"), 57: ("zone_bypassed", "warning"), 60: ("test", _QUIET),
    1: ("alarm", "major"), 2: ("supervisory", "minor"), 3: ("system_trouble", "minor"),
    4: ("access_report", _QUIET), 5: ("disabled", "warning"), 6: ("report", _QUIET),
}  # fmt: skip
# Opening and closing: a new event is an opening, a restore the closing.
_CID_ARMING = frozenset((400, 401, 402, 403, 404, 407, 408, 409, 441, 442, 456))
_NEW, _RESTORE = "1", "3"


def contact_id(qualifier: str, number: str) -> Meaning | None:
    """The meaning of a qualifier (1 new, 3 restored, 6 still so) and three digits; None if none."""
    if qualifier not in (_NEW, _RESTORE, "6"):
        return None
    event = int(number)
    if event in _CID_ARMING:
        return Meaning("armed" if qualifier == _RESTORE else "disarmed", _QUIET)
    found = _CID.get(event) or _CID_CLASSES.get(event // 10) or _CID_CLASSES.get(event // 100)
    if found is None:
        return None
    code, severity = found
    if qualifier == _RESTORE and severity != _QUIET:
        return Meaning(code + RESTORED, _QUIET)
    return Meaning(code, severity)


# --- SIA: two letters, mostly a subject and what becomes of it -----------------------------------

_SUBJECTS: dict[str, tuple[str, str]] = {
    "B": ("burglary", "critical"), "F": ("fire", "critical"), "G": ("gas", "critical"),
    "H": ("holdup", "critical"), "K": ("heat", "critical"), "M": ("medical", "critical"),
    "P": ("panic", "critical"), "Q": ("personal_emergency", "critical"),
    "S": ("sprinkler", "critical"), "T": ("tamper", "major"), "U": ("zone", "major"),
    "W": ("water", "major"), "Z": ("freeze", "major"),
}  # fmt: skip
_BECOMES: dict[str, tuple[str, str | None]] = {
    "A": ("alarm", None), "H": ("alarm" + RESTORED, _QUIET), "R": ("alarm" + RESTORED, _QUIET),
    "T": ("trouble", "minor"), "J": ("trouble" + RESTORED, _QUIET), "B": ("bypassed", "warning"),
    "U": ("unbypassed", _QUIET), "C": ("alarm_cancelled", _QUIET), "S": ("supervisory", "minor"),
    "V": ("verified", None), "X": ("test", _QUIET),
}  # fmt: skip
_SIA: dict[str, tuple[str, str]] = {
    "AT": ("mains_lost", "major"), "AR": ("mains_lost" + RESTORED, _QUIET),
    "BX": ("burglary_test", _QUIET), "EA": ("exit_error_alarm", "major"),
    "EE": ("exit_error_alarm", "major"), "ER": ("expansion_trouble" + RESTORED, _QUIET),
    "ET": ("expansion_trouble", "minor"), "JA": ("wrong_code_entered", "warning"),
    "LB": ("programmed_from_afar", "warning"), "LR": ("phone_line_lost" + RESTORED, _QUIET),
    "LT": ("phone_line_lost", "minor"), "NL": ("armed", _QUIET), "DD": ("access_denied", "warning"),
    "DF": ("door_forced", "major"), "DG": ("access_granted", _QUIET),
    "RB": ("programmed_from_afar", "warning"), "RP": ("periodic_test", _QUIET),
    "RR": ("panel_reset", "warning"), "RX": ("manual_test", _QUIET), "TE": ("test_ended", _QUIET),
    "TS": ("test_begun", _QUIET), "TX": ("manual_test", _QUIET),
    "YC": ("report_not_delivered", "minor"), "YK": ("report_not_delivered" + RESTORED, _QUIET),
    "YM": ("battery_missing", "minor"), "YP": ("power_supply_trouble", "minor"),
    "YQ": ("power_supply_trouble" + RESTORED, _QUIET),
    "YR": ("battery_low" + RESTORED, _QUIET), "YS": ("communication_trouble", "minor"),
    "YT": ("battery_low", "minor"), "YW": ("panel_reset", "warning"),
    "YX": ("system_trouble", "minor"), "YZ": ("system_trouble" + RESTORED, _QUIET),
    "XT": ("sensor_battery_low", "warning"), "XR": ("sensor_battery_low" + RESTORED, _QUIET),
    "XQ": ("radio_jammed", "major"), "XH": ("radio_jammed" + RESTORED, _QUIET),
}  # fmt: skip
_NOT_CLOSED = frozenset(("CI", "CR", "CT"))  # failed to close, recent closing, late to open
_NOT_OPENED = frozenset(("OI", "OR", "OT"))  # failed to open, disarmed from alarm, late to close


def sia(letters: str) -> Meaning:
    """The meaning of two capital letters; what has none of its own is told as `sia_xx`."""
    if (found := _SIA.get(letters)) is not None:
        return Meaning(*found)
    first, second = letters[0], letters[1]
    if letters == "OR":
        return Meaning("disarmed", _QUIET)
    if first == "C" and letters not in _NOT_CLOSED:
        return Meaning("armed", _QUIET)
    if first == "O" and letters not in _NOT_OPENED:
        return Meaning("disarmed", _QUIET)
    if first in _SUBJECTS and second in _BECOMES:
        subject, severity = _SUBJECTS[first]
        becomes, of_its_own = _BECOMES[second]
        return Meaning(f"{subject}_{becomes}", of_its_own or severity)
    return Meaning(f"sia_{letters.lower()}", _QUIET)
