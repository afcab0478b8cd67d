"""What may be asked of rules and alarms, and by whom."""

from datetime import UTC, datetime, timedelta

from registry.scope import Right
from tests.api import alarmed
from tests.api.asks import Ask, Kind
from tests.api.parted import COLLECTIONS, FILES, TERMINALS

NOTHING = Kind("nothing")
FILE = Kind("group client", FILES)
RULE = Kind("rule", COLLECTIONS)
WINDOW = Kind("window", COLLECTIONS)
ALARM = Kind("alarm", alarmed.alarms(TERMINALS))

CHANNEL = Kind("notification channel", COLLECTIONS)
DELIVERY = Kind("notification delivery", COLLECTIONS)

_V1 = "/api/v1"
_CHANNELS, _OWN = f"{_V1}/notification-channels", f"{_V1}/me/notifications"
_WATCH, _SET, _SELF = Right.CHANNELS_READ, Right.CHANNELS_CHANGE, Right.ACCOUNT_OVERSEE
_WISHED = {"severities": "major", "events": "opened", "urgent": "critical"}
_MAIL = {"name": "duty", "kind": "mail", "address": "duty@example.org"}
_READ, _TEND = Right.ALARMS_READ, Right.ALARMS_TEND
_CRITERION = {"kind": "threshold", "metric": "voltage_a", "above": 250}
_FORM = {"profile": "smart_meter", "name": "too high", "kind": "threshold", "metric": "voltage_a",
         "limit": "250"}  # fmt: skip
_NEW = {"name": "too high", "profile": "smart_meter", "criterion": _CRITERION}
_WINDOWS = f"{_V1}/maintenance-windows"
_THRESHOLD = {"name": "city", "severity": "major", "least": "9", "share": "20", "window": "5"}
_WORKS = {"why": "works", "ends": f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M}"}
_WINDOW = {"why": "works", "ends_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}

ALARMED: tuple[Ask, ...] = (
    Ask(f"GET {_V1}/rules", Right.RULES_READ, NOTHING),
    Ask(f"POST {_V1}/rules", Right.RULES_CHANGE, FILE, json={**_NEW, "group_client": "{name}"}),
    Ask(f"GET {_V1}/rules/{{number}}", Right.RULES_READ, RULE),
    Ask(f"PATCH {_V1}/rules/{{number}}", Right.RULES_CHANGE, RULE, json={"enabled": True}),
    Ask(f"GET {_V1}/rules/{{number}}/trial?days=7", Right.RULES_READ, RULE),
    Ask(f"GET {_WINDOWS}", Right.RULES_READ, NOTHING),
    Ask(f"POST {_WINDOWS}", Right.RULES_CHANGE, FILE, json={**_WINDOW, "group_client": "{name}"}),
    Ask(f"GET {_WINDOWS}/{{number}}", Right.RULES_READ, WINDOW),
    Ask(f"PATCH {_WINDOWS}/{{number}}", Right.RULES_CHANGE, WINDOW, json={"why": "longer"}),
    Ask(f"GET {_V1}/storm-thresholds", Right.RULES_READ, NOTHING),
    Ask(f"GET {_V1}/storm-thresholds/{{shared}}", Right.RULES_READ, NOTHING,
        fill={"shared": "city"}),
    Ask(f"PATCH {_V1}/storm-thresholds/{{shared}}", Right.STORMS_CHANGE, NOTHING,
        json={"least": 30}, fill={"shared": "city"}),
    Ask(f"GET {_V1}/alarms", _READ, NOTHING),
    Ask(f"GET {_V1}/alarms?open=true&group_client={{name}}", _READ, FILE),
    Ask(f"GET {_V1}/alarms/open", _READ, NOTHING),
    Ask(f"POST {_V1}/alarms/acknowledgements", _TEND, FILE, ok=200,
        json={"where": {"group_client": "{name}"}}),
    Ask(f"GET {_V1}/alarms/{{number}}", _READ, ALARM),
    Ask(f"POST {_V1}/alarms/{{number}}/acknowledgement", _TEND, ALARM, json={}, ok=200),
    Ask(f"POST {_V1}/alarms/{{number}}/assignment", _TEND, ALARM, json={"assignee": None}, ok=200),
    Ask(f"POST {_V1}/alarms/{{number}}/shelving", _TEND, ALARM, json={"until": None}, ok=200),
    Ask(f"POST {_V1}/alarms/{{number}}/notes", _TEND, ALARM, json={"text": "seen"}),
    Ask(f"POST {_V1}/alarms/{{number}}/clearing", _TEND, ALARM, json={}, ok=200),
    Ask(f"GET {_CHANNELS}", _WATCH, NOTHING),
    Ask(f"POST {_CHANNELS}", _SET, FILE, json={**_MAIL, "group_client": "{name}"}),
    Ask(f"GET {_CHANNELS}/{{number}}", _WATCH, CHANNEL),
    Ask(f"PATCH {_CHANNELS}/{{number}}", _SET, CHANNEL, json={"digest_seconds": 60}),
    Ask(f"POST {_CHANNELS}/{{number}}/test", _SET, CHANNEL, ok=200),
    Ask(f"POST {_CHANNELS}/{{number}}/secret", _SET, CHANNEL, ok=409),  # these are of mail
    Ask(f"DELETE {_CHANNELS}/{{number}}", _SET, CHANNEL),
    Ask(f"GET {_V1}/notification-deliveries", _WATCH, NOTHING),
    Ask(f"GET {_V1}/notification-deliveries/{{number}}", _WATCH, DELIVERY),
    Ask(f"GET {_OWN}", _SELF, NOTHING),
    Ask(f"PUT {_OWN}/{{kind}}", _SELF, NOTHING, json={"address": "me@example.org"},
        fill={"kind": "mail"}),
    Ask(f"POST {_OWN}/{{kind}}/test", _SELF, NOTHING, fill={"kind": "sms"}, ok=404),
    Ask(f"DELETE {_OWN}/{{kind}}", _SELF, NOTHING, fill={"kind": "sms"}, ok=404),
    Ask("GET /notifications", _WATCH, NOTHING),
    Ask("GET /notifications/new", _SET, NOTHING),
    Ask("POST /notifications/new", _SET, FILE, form={**_MAIL, **_WISHED, "client": "{name}"},
        ok=303),
    Ask("GET /notifications/{number}", _WATCH, CHANNEL),
    Ask("GET /notifications/{number}/change", _SET, CHANNEL),
    Ask("POST /notifications/{number}/change", _SET, CHANNEL, form={**_WISHED, "name": "duty"},
        ok=303),
    Ask("POST /notifications/{number}/test", _SET, CHANNEL, ok=303),
    Ask("POST /notifications/{number}/secret", _SET, CHANNEL, ok=409),
    Ask("POST /notifications/{number}/standing", _SET, CHANNEL, form={"enabled": "no"}, ok=303),
    Ask("POST /notifications/{number}/removal", _SET, CHANNEL, ok=303),
    Ask("GET /account/notifications", _SELF, NOTHING),
    Ask("POST /account/notifications/{kind}", _SELF, NOTHING,
        form={**_WISHED, "address": "me@example.org"}, fill={"kind": "mail"}, ok=303),
    Ask("POST /account/notifications/{kind}/test", _SELF, NOTHING, fill={"kind": "sms"}, ok=404),
    Ask("POST /account/notifications/{kind}/standing", _SELF, NOTHING, form={"enabled": "no"},
        fill={"kind": "sms"}, ok=404),
    Ask("POST /account/notifications/{kind}/removal", _SELF, NOTHING, fill={"kind": "sms"},
        ok=404),
    # Their pages
    Ask("GET /overview/silent", Right.TERMINALS_READ, NOTHING),
    Ask("GET /overview/alarms", _READ, NOTHING),
    Ask("GET /alarms", _READ, NOTHING),
    Ask("GET /alarms?state=all", _READ, NOTHING),
    Ask("GET /alarms?client={name}", _READ, FILE),
    Ask("POST /alarms/acknowledgement", _TEND, NOTHING, form={"alarm": "3000000"}, ok=303),
    Ask("GET /alarms/{number}", _READ, ALARM),
    Ask("POST /alarms/{number}/acknowledgement", _TEND, ALARM, form={"note": "seen"}, ok=303),
    Ask("POST /alarms/{number}/assignment", _TEND, ALARM, form={"assignee": "pei"}, ok=303),
    Ask("POST /alarms/{number}/shelving", _TEND, ALARM, form={"hours": "0"}, ok=303),
    Ask("POST /alarms/{number}/notes", _TEND, ALARM, form={"text": "seen"}, ok=303),
    Ask("POST /alarms/{number}/clearing", _TEND, ALARM, form={"note": "well"}, ok=303),
    Ask("GET /rules", Right.RULES_READ, NOTHING),
    Ask("GET /rules/new?profile=smart_meter", Right.RULES_CHANGE, NOTHING),
    Ask("POST /rules/new", Right.RULES_CHANGE, FILE, form={**_FORM, "client": "{name}"}, ok=303),
    Ask("GET /rules/{number}", Right.RULES_READ, RULE),
    Ask("GET /rules/{number}/trial?days=7", Right.RULES_READ, RULE),
    Ask("GET /rules/{number}/change", Right.RULES_CHANGE, RULE),
    Ask("POST /rules/{number}/change", Right.RULES_CHANGE, RULE, form=_FORM, ok=303),
    Ask("POST /rules/{number}/enabled", Right.RULES_CHANGE, RULE, form={"enabled": "true"}, ok=303),
    Ask("GET /maintenance-windows", Right.RULES_READ, NOTHING),
    Ask("GET /maintenance-windows/new", Right.RULES_CHANGE, NOTHING),
    Ask("POST /maintenance-windows/new", Right.RULES_CHANGE, FILE,
        form={**_WORKS, "client": "{name}"}, ok=303),
    Ask("GET /maintenance-windows/{number}", Right.RULES_READ, WINDOW),
    Ask("POST /maintenance-windows/{number}/change", Right.RULES_CHANGE, WINDOW,
        form={"why": "longer"}, ok=303),
    Ask("POST /maintenance-windows/{number}/end", Right.RULES_CHANGE, WINDOW, ok=303),
    Ask("GET /storm-thresholds", Right.RULES_READ, NOTHING),
    Ask("GET /storm-thresholds/{shared}", Right.STORMS_CHANGE, NOTHING, fill={"shared": "city"}),
    Ask("POST /storm-thresholds/{shared}", Right.STORMS_CHANGE, NOTHING, form=_THRESHOLD,
        fill={"shared": "city"}, ok=303),
)  # fmt: skip
