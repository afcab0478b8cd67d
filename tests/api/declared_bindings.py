"""What may be asked of the bindings of SIMs, of requests for another hardware, and by whom."""

from registry.scope import Right
from tests.api.asks import Ask, Kind
from tests.api.bound import REQUESTS
from tests.api.parted import A_DAY, EVERYBODY, FILES, MOMENTS, SIMS
from tests.api.world import minutes_ago

NOTHING = Kind("nothing")
SIM = Kind("SIM", SIMS)
END_OF_ICCID = Kind("SIM by what follows 898", {iccid[3:]: who for iccid, who in SIMS.items()})
FILE = Kind("group client", FILES)
REGION = Kind("region", {"320500": EVERYBODY})
MOMENT = Kind("moment of a terminal", MOMENTS)
REQUEST = Kind("request for another hardware", REQUESTS)
REQUEST_OF_ANOTHER = Kind("request of somebody else", REQUESTS, personal=True)

_API, _PAGE = "/api/v1/bindings", "/bindings"
_READ, _ASK, _DECIDE = Right.SIMS_READ, Right.BINDINGS_REQUEST, Right.BINDINGS_APPROVE
_RFC3339 = "%Y-%m-%dT%H:%M:%SZ"
_WINDOW = f"from={minutes_ago(4 * A_DAY):{_RFC3339}}&to={minutes_ago(-1):{_RFC3339}}"
_ANOTHER = {"imei": "356938035643809", "reason": "a new modem"}
_STRANGER = {"iccid": "89860425102099340002"}

BINDINGS: tuple[Ask, ...] = (
    Ask(f"GET {_API}", _READ, NOTHING),
    Ask(f"GET {_API}?verdict=unproven&mode=first_seen&limit=1000", _READ, NOTHING),
    Ask(f"GET {_API}?verdict=violated&violation=separation", _READ, NOTHING),
    Ask(f"GET {_API}?iccid=898604251020993", _READ, NOTHING),
    Ask(f"GET {_API}?iccid=8986", _READ, NOTHING),
    Ask(f"GET {_API}?group_client={{name}}", _READ, FILE),
    Ask(f"GET {_API}?region={{name}}", _READ, REGION),
    Ask(f"GET {_API}/coverage", _READ, NOTHING),
    Ask(f"GET {_API}/events?kind=rival_sim&{_WINDOW}", Right.TELEMETRY_READ, NOTHING),
    Ask(f"GET {_API}/requests", _READ, NOTHING),
    Ask(f"GET {_API}/requests?state=open&limit=1000", _READ, NOTHING),
    Ask(f"GET {_API}/requests?iccid={_STRANGER['iccid']}", _READ, NOTHING),
    Ask(f"POST {_API}/requests", _ASK, NOTHING, json=_ANOTHER | _STRANGER, ok=404),
    Ask(f"POST {_API}/requests", _ASK, END_OF_ICCID,
        json=_ANOTHER | {"iccid": "898{name}"}, ok=409),  # there is one open
    Ask(f"GET {_API}/requests/{{request_id}}", _READ, REQUEST),
    Ask(f"POST {_API}/requests/{{request_id}}/decision", _DECIDE, REQUEST,
        json={"approve": True}, ok=200),
    Ask(f"POST {_API}/requests/{{request_id}}/decision", _DECIDE, REQUEST,
        json={"approve": False, "remark": "not this one"}, ok=200),
    Ask(f"POST {_API}/requests/{{request_id}}/withdrawal", _ASK, REQUEST_OF_ANOTHER, ok=200),
    Ask(f"GET {_API}/{{iccid}}", _READ, SIM),
    Ask(f"GET {_API}/{{iccid}}/history", _READ, SIM),
    Ask(f"PUT {_API}/{{iccid}}", Right.BINDINGS_SET, SIM, json={"mode": "off"}),
    Ask("GET /api/v1/terminals/{code}/identity", _READ, MOMENT),
    # Pages
    Ask(f"GET {_PAGE}", _READ, NOTHING),
    Ask(f"GET {_PAGE}?verdict=unproven&mode=first_seen", _READ, NOTHING),
    Ask(f"GET {_PAGE}?q=898604251020993", _READ, NOTHING),
    Ask(f"GET {_PAGE}?client={{name}}", _READ, FILE),
    Ask(f"GET {_PAGE}/coverage", _READ, NOTHING),
    Ask(f"GET {_PAGE}/requests", _READ, NOTHING),
    Ask(f"GET {_PAGE}/requests?state=all", _READ, NOTHING),
    Ask(f"POST {_PAGE}/requests/{{request_id}}/decision", _DECIDE, REQUEST,
        form={"approve": "yes"}, ok=303),
    Ask(f"POST {_PAGE}/requests/{{request_id}}/withdrawal", _ASK, REQUEST_OF_ANOTHER, ok=303),
    Ask(f"GET {_PAGE}/{{iccid}}", _READ, SIM),
    Ask(f"POST {_PAGE}/{{iccid}}", Right.BINDINGS_SET, SIM, form={"mode": "off"}, ok=303),
    Ask(f"POST {_PAGE}/{{iccid}}/request", _ASK, SIM, form=_ANOTHER, ok=409),  # there is one open
)  # fmt: skip
