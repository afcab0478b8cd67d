"""What may be asked of what is kept, for how long, and by whom."""

from registry.scope import Right
from tests.api.asks import Ask, Kind
from tests.api.kept import HOLDS
from tests.api.parted import EVERYBODY, FILES, TERMINALS

NOTHING = Kind("nothing")
PROFILE = Kind("profile", {"smart_meter": EVERYBODY})
FILE = Kind("group client", FILES)
TERMINAL = Kind("terminal", TERMINALS)
HOLD = Kind("legal hold", HOLDS)

_HOLDS = "/api/v1/legal-holds"
_READ, _PLACE = Right.LEGAL_HOLDS_READ, Right.LEGAL_HOLDS_PLACE
_WHY = {"reason": "a dispute", "reference": "case 7"}

KEPT: tuple[Ask, ...] = (
    Ask("PATCH /api/v1/profiles/{code}", Right.PROFILES_DEFINE, PROFILE, json={"raw_days": 400}),
    Ask("POST /profiles/{code}/retention", Right.PROFILES_DEFINE, PROFILE,
        form={"raw_days": "400"}, ok=303),
    Ask("GET /api/v1/storage", Right.STORAGE_READ, NOTHING),
    Ask(f"GET {_HOLDS}", _READ, NOTHING),
    Ask(f"GET {_HOLDS}?lifted=false", _READ, NOTHING),
    Ask(f"POST {_HOLDS}", _PLACE, FILE, json={"group_client": "{name}", **_WHY}),
    Ask(f"POST {_HOLDS}", _PLACE, TERMINAL, json={"terminal": "{name}", **_WHY}),
    Ask(f"POST {_HOLDS}", _PLACE, PROFILE, json={"profile": "{name}", **_WHY}),
    Ask(f"GET {_HOLDS}/{{number}}", _READ, HOLD),
    Ask(f"POST {_HOLDS}/{{number}}/lifting", _PLACE, HOLD, json={"reason": "settled"}, ok=200),
    Ask("GET /legal-holds", _READ, NOTHING),
    Ask("POST /legal-holds", _PLACE, FILE, form={"code": "{name}", **_WHY}, ok=303),
    Ask("POST /legal-holds/{hold}/lifting", _PLACE, HOLD, form={"reason": "settled"}, ok=303),
    Ask("GET /audit", Right.AUDIT_READ, NOTHING),
    Ask("GET /audit?client={name}", Right.AUDIT_READ, FILE),
    Ask("GET /audit/{entry}", Right.AUDIT_READ, NOTHING, fill={"entry": "99999999"}, ok=404),
)  # fmt: skip
