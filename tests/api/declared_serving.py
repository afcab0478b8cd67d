"""What may be asked of who serves whom, and of where clients stand, and by whom."""

from registry.scope import Right
from tests.api.asks import Ask, Kind
from tests.api.parted import BRANCH, EVERYBODY, FILES
from tests.api.serving import AHEAD, GIVEN, PACKED, SERVED, UNSERVED
from tests.api.world import TRANSIT, ZHEJIANG

NOTHING = Kind("nothing")
FILE = Kind("group client", FILES)
OF_A_MANAGER = Kind("client of account_manager.power", SERVED)
WITHOUT_AGENT = Kind("client without an agent", UNSERVED)
OF_HANGZHOU = Kind(
    "client that Hangzhou supervises", {code: FILES[code] for code in (BRANCH, TRANSIT)}
)
PACKAGE = Kind("package", {"metering": EVERYBODY})
WITH_PACKAGE = Kind("client that has a package", PACKED)
PLANNED = Kind("assignment that lies ahead", AHEAD)

_V1 = "/api/v1"
_READ, _CHANGE = Right.ASSIGNMENTS_READ, Right.ASSIGNMENTS_CHANGE
_PACKAGES, _DEFINE, _GIVE = Right.PACKAGES_READ, Right.PACKAGES_DEFINE, Right.TIERS_ASSIGN
_NEW = {"title_zh": "新", "title_en": "New", "tier": "silver"}
_OVER = {"giving": "account_manager.power", "receiving": "account_manager.transit"}

SERVING: tuple[Ask, ...] = (
    Ask(f"GET {_V1}/account-managers", _READ, NOTHING),
    Ask(f"GET {_V1}/account-managers?role=agent", _READ, NOTHING),
    Ask(f"GET {_V1}/assignments", _READ, NOTHING),
    Ask(f"GET {_V1}/assignments?group_client={{name}}", _READ, FILE),
    Ask(f"GET {_V1}/assignments?person=agent.power&role=agent", _READ, NOTHING),
    Ask(f"POST {_V1}/assignments", _CHANGE, WITHOUT_AGENT,
        json={"group_clients": ["{name}"], "to": "agent.transit"}),
    Ask(f"POST {_V1}/assignments", _CHANGE, OF_A_MANAGER,
        json={"group_clients": ["{name}"], "to": "account_manager.power"}, ok=409),
    Ask(f"POST {_V1}/assignments/hand-overs", _CHANGE, OF_A_MANAGER,
        json=_OVER | {"group_clients": ["{name}"], "note": "a new district"}),
    Ask(f"GET {_V1}/group-clients/{{code}}/supervision", Right.GROUP_CLIENTS_READ, FILE),
    Ask(f"PUT {_V1}/group-clients/{{code}}/supervision", Right.GROUP_CLIENTS_MOVE, OF_HANGZHOU,
        json={"region": ZHEJIANG}),
    Ask(f"PUT {_V1}/group-clients/{{code}}/parent", Right.GROUP_CLIENTS_MOVE, WITHOUT_AGENT,
        json={"parent": None}),
    Ask(f"DELETE {_V1}/assignments/{{number}}", _CHANGE, PLANNED),
    Ask(f"PUT {_V1}/group-clients/{{code}}/tier", _GIVE, FILE, json={"tier": "bronze"}),
    Ask(f"GET {_V1}/packages", _PACKAGES, NOTHING),
    Ask(f"GET {_V1}/packages?retired=true", _PACKAGES, NOTHING),
    Ask(f"POST {_V1}/packages", _DEFINE, NOTHING, json={"code": "new", **_NEW}),
    Ask(f"GET {_V1}/packages/{{code}}", _PACKAGES, PACKAGE),
    Ask(f"PATCH {_V1}/packages/{{code}}", _DEFINE, PACKAGE, json={"title_en": "Meters"}),
    Ask(f"DELETE {_V1}/packages/{{code}}", _DEFINE, PACKAGE, ok=200),
    Ask(f"GET {_V1}/group-clients/{{code}}/packages", _PACKAGES, FILE),
    Ask(f"POST {_V1}/group-clients/{{code}}/packages", _GIVE, FILE, json={"package": "metering"}),
    Ask(f"POST {_V1}/group-clients/{{code}}/packages/{{number}}/undoing", _GIVE, WITH_PACKAGE,
        fill={"number": GIVEN}, ok=200),
    Ask(f"GET {_V1}/book", Right.BOOK_READ, NOTHING),
    *(Ask(f"GET {_V1}/book?list={name}", Right.BOOK_READ, NOTHING)
      for name in ("files", "rivals", "silent", "usage")),
    Ask(f"GET {_V1}/book?person=account_manager.power", Right.BOOK_READ, NOTHING),
    Ask(f"GET {_V1}/book?person=agent.transit&list=usage", Right.BOOK_READ, NOTHING),
    # Pages
    Ask("GET /packages", _PACKAGES, NOTHING),
    Ask("POST /packages", _DEFINE, NOTHING, form={"code": "new", **_NEW}, ok=303),
    Ask("GET /packages/{code}", _PACKAGES, PACKAGE),
    Ask("POST /packages/{code}", _DEFINE, PACKAGE, form=_NEW, ok=303),
    Ask("POST /packages/{code}/retirement", _DEFINE, PACKAGE, ok=303),
    Ask("GET /group-clients/{code}/tier", _PACKAGES, FILE),
    Ask("POST /group-clients/{code}/tier", _GIVE, FILE, form={"tier": "bronze"}, ok=303),
    Ask("POST /group-clients/{code}/packages", _GIVE, FILE, form={"package": "metering"}, ok=303),
    Ask("POST /group-clients/{code}/packages/{number}/undoing", _GIVE, WITH_PACKAGE,
        fill={"number": GIVEN}, ok=303),
    Ask("GET /book", Right.BOOK_READ, NOTHING),
    *(Ask(f"GET /book?list={name}", Right.BOOK_READ, NOTHING)
      for name in ("files", "rivals", "silent", "usage")),
    Ask("GET /book?person=account_manager.power", Right.BOOK_READ, NOTHING),
    Ask("POST /group-clients/{code}/supervision", Right.GROUP_CLIENTS_MOVE, OF_HANGZHOU,
        form={"region": str(ZHEJIANG)}, ok=303),
    Ask("POST /group-clients/{code}/parent", Right.GROUP_CLIENTS_MOVE, WITHOUT_AGENT,
        form={}, ok=303),
    Ask("POST /hand-overs", _CHANGE, OF_A_MANAGER, form=_OVER | {"client": "{name}"}, ok=303),
    Ask("POST /hand-overs", _CHANGE, WITHOUT_AGENT,
        form={"receiving": "agent.transit", "client": "{name}"}, ok=303),
    Ask("POST /hand-overs/{number}/calling-off", _CHANGE, PLANNED, ok=303),
)  # fmt: skip
