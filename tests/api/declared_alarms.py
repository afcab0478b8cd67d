"""What may be asked of rules and alarms, and by whom."""

from registry.scope import Right
from tests.api import alarmed
from tests.api.asks import Ask, Kind
from tests.api.parted import COLLECTIONS, FILES, TERMINALS

NOTHING = Kind("nothing")
FILE = Kind("group client", FILES)
RULE = Kind("rule", COLLECTIONS)
ALARM = Kind("alarm", alarmed.alarms(TERMINALS))

_V1 = "/api/v1"
_READ, _TEND = Right.ALARMS_READ, Right.ALARMS_TEND
_CRITERION = {"kind": "threshold", "metric": "voltage_a", "above": 250}
_FORM = {"profile": "smart_meter", "name": "too high", "kind": "threshold", "metric": "voltage_a",
         "limit": "250"}  # fmt: skip
_NEW = {"name": "too high", "profile": "smart_meter", "criterion": _CRITERION}

ALARMED: tuple[Ask, ...] = (
    Ask(f"GET {_V1}/rules", Right.RULES_READ, NOTHING),
    Ask(f"POST {_V1}/rules", Right.RULES_CHANGE, FILE, json={**_NEW, "group_client": "{name}"}),
    Ask(f"GET {_V1}/rules/{{number}}", Right.RULES_READ, RULE),
    Ask(f"PATCH {_V1}/rules/{{number}}", Right.RULES_CHANGE, RULE, json={"enabled": True}),
    Ask(f"GET {_V1}/rules/{{number}}/trial?days=7", Right.RULES_READ, RULE),
    Ask(f"GET {_V1}/alarms", _READ, NOTHING),
    Ask(f"GET {_V1}/alarms?open=true&group_client={{name}}", _READ, FILE),
    Ask(f"GET {_V1}/alarms/open", _READ, NOTHING),
    Ask(f"GET {_V1}/alarms/{{number}}", _READ, ALARM),
    Ask(f"POST {_V1}/alarms/{{number}}/acknowledgement", _TEND, ALARM, json={}, ok=200),
    Ask(f"POST {_V1}/alarms/{{number}}/assignment", _TEND, ALARM, json={"assignee": None}, ok=200),
    Ask(f"POST {_V1}/alarms/{{number}}/shelving", _TEND, ALARM, json={"until": None}, ok=200),
    Ask(f"POST {_V1}/alarms/{{number}}/notes", _TEND, ALARM, json={"text": "seen"}),
    Ask(f"POST {_V1}/alarms/{{number}}/clearing", _TEND, ALARM, json={}, ok=200),
    # Their pages
    Ask("GET /overview/silent", Right.TERMINALS_READ, NOTHING),
    Ask("GET /overview/alarms", _READ, NOTHING),
    Ask("GET /alarms", _READ, NOTHING),
    Ask("GET /alarms?state=all", _READ, NOTHING),
    Ask("GET /alarms?client={name}", _READ, FILE),
    Ask("POST /alarms/acknowledgement", _TEND, NOTHING, form={"alarm": "1"}, ok=303),
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
)  # fmt: skip
