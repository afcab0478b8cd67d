"""The words of bindings as people read them, and their tones; `_` only marks, as in `words`."""

from registry.binding_requests import RequestState
from registry.bindings import Binding, BindingAction, Mode, Verdict, Violation


def _(text: str) -> str:
    return text


MODES = {
    Mode.EXACT: _("one IMEI"),
    Mode.IMEI_LIST: _("list of IMEIs"),
    Mode.TAC: _("type of hardware (TAC)"),
    Mode.FIRST_SEEN: _("first seen"),
    Mode.OFF: _("off"),
}
ACTIONS = {
    BindingAction.LOG: _("a line in the log"),
    BindingAction.EVENT: _("an event"),
    BindingAction.ISOLATE: _("an event, and the terminal is isolated"),
    BindingAction.REFUSE: _("an event, and the message is refused"),
}
VERDICTS = {
    Verdict.VIOLATED: _("violated"),
    Verdict.UNPROVEN: _("unproven"),
    Verdict.OK: _("as bound"),
}
TONES = {Verdict.OK: "ok", Verdict.VIOLATED: "bad", Verdict.UNPROVEN: "warn", None: "mute"}
VIOLATIONS = {
    Violation.SEPARATION: _("in other hardware"),
    Violation.SIM_CHANGED: _("another SIM in its terminal"),
    Violation.RIVAL_SIM: _("a rival's SIM in its terminal"),
}
REQUESTS = {
    RequestState.OPEN: _("waits for a decision"),
    RequestState.APPROVED: _("approved"),
    RequestState.DECLINED: _("declined"),
    RequestState.WITHDRAWN: _("withdrawn"),
    RequestState.EXPIRED: _("expired"),
}
REQUEST_TONES = {
    RequestState.OPEN: "warn",
    RequestState.APPROVED: "ok",
    RequestState.DECLINED: "mute",
    RequestState.WITHDRAWN: "mute",
    RequestState.EXPIRED: "mute",
}
# What stands first on a SIM's page about its binding, and what to do next.
MEANINGS = {
    None: _("This SIM may work in any hardware: it is not bound."),
    Verdict.OK: _("The SIM is in hardware that it is bound to."),
    Verdict.UNPROVEN: _("Nothing is proven: the terminal has not said both its IMEI and its SIM."),
    Violation.SEPARATION: _("The SIM is in other hardware than it is bound to."),
    Violation.SIM_CHANGED: _("Another SIM is in the terminal where this one should be."),
    Violation.RIVAL_SIM: _("Another operator's SIM is in the terminal where this one should be."),
}
NEXT_STEPS = {
    Verdict.UNPROVEN: _(
        "Next: have the terminal say hello with imei and iccid; the guide for terminal makers says"
        " how."
    ),
    Violation.SEPARATION: _(
        "Next: find out who moved it. If it should be there, ask for the other hardware below."
    ),
    Violation.SIM_CHANGED: _(
        "Next: find out where this SIM is. If the other one should be there, install it on record."
    ),
    Violation.RIVAL_SIM: _(
        "Next: tell the client's account manager; the client may be about to leave."
    ),
}


def standing(binding: Binding | None) -> Verdict | Violation | None:
    """What is first to say of a SIM's binding: how it is violated, else the verdict on it."""
    return None if binding is None else binding.violation or binding.verdict
