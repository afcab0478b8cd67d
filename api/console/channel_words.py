"""Ways to tell of alarms, as people read of them.

`_` only marks, as in `words`.
"""

from telemetry.notifications.model import AlarmEvent, ChannelKind, DeliveryState


def _(text: str) -> str:
    return text


KINDS = {
    ChannelKind.WEBHOOK: _("Webhook"),
    ChannelKind.ALERTMANAGER: "Alertmanager",
    ChannelKind.MAIL: _("E-mail"),
    ChannelKind.SMS: _("SMS"),
    ChannelKind.DINGTALK: _("DingTalk"),
    ChannelKind.WECOM: _("WeCom"),
    ChannelKind.FEISHU: _("Feishu"),
}
EVENTS = {
    AlarmEvent.OPENED: _("opened"),
    AlarmEvent.ACKNOWLEDGED: _("acknowledged"),
    AlarmEvent.ASSIGNED: _("assigned"),
    AlarmEvent.SHELVED: _("shelved"),
    AlarmEvent.UNSHELVED: _("no longer shelved"),
    AlarmEvent.BREACHED: _("not taken note of in time"),
    AlarmEvent.CLEARED: _("over"),
}
STATES = {
    DeliveryState.WAITING: _("waits"),
    DeliveryState.DELIVERED: _("delivered"),
    DeliveryState.FAILED: _("failed"),
    DeliveryState.DROPPED: _("not told any more"),
}
TONES = {
    DeliveryState.WAITING: "warn",
    DeliveryState.DELIVERED: "ok",
    DeliveryState.FAILED: "bad",
    DeliveryState.DROPPED: "mute",
}
PROBLEM_WORDS = {
    "refused": _("The target did not take it."),
    "redirect": _("The target sent us elsewhere, where we do not go."),
    "timeout": _("The target did not answer in time."),
    "unreachable": _("The target cannot be reached."),
    "address_refused": _("Nothing may be sent to where this address leads."),
    "not_configured": _("Muster has no mail server or SMS gateway: ask its operator."),
    "seal_broken": _("The address cannot be read with this secret key: give it anew."),
}
STOPPED = {
    "gone": _("The target said that it is gone."),
    "unreachable": _("Nothing has arrived for a day."),
}
DIGESTS = {
    0: _("each at once"),
    300: _("every 5 minutes"),
    3600: _("every hour"),
    86400: _("every day"),
}
