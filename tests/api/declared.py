"""What each route answers to whom: the right it needs, and what its address or body names.

`test_matrix.py` asks every line as every role, on both sides, about everything there is of the
kind that it names, and about what is not there. A route without a line fails the build.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.scope import Right
from tests.api.parted import (
    A_DAY,
    ENTRIES,
    EVERYBODY,
    FILES,
    KEYS,
    MOMENTS,
    REFUSED,
    REPLAYS,
    SESSIONS,
    TERMINALS,
    USERS,
)
from tests.api.world import PASSWORD, minutes_ago


@dataclass(frozen=True, slots=True)
class Kind:
    """What an address or body can name: the things there are of it, and who sees each.

    What is `personal` is somebody's own; who sees everything does not meet it either.
    """

    name: str
    things: Mapping[str, frozenset[str]] = field(default_factory=dict)
    personal: bool = False


NOTHING = Kind("nothing")
TERMINAL = Kind("terminal", TERMINALS)
MOMENT = Kind("moment of a terminal", MOMENTS)
FILE = Kind("group client", FILES)
ITEM = Kind("refused message", REFUSED)
REPLAY = Kind("replay", REPLAYS)
ENTRY = Kind("audit entry", ENTRIES)
PROFILE = Kind("profile", {"smart_meter": EVERYBODY})
REGION = Kind("region", {"320500": EVERYBODY})
USER = Kind("user", USERS)
KEY = Kind("API key", KEYS)
SESSION_OF_BO = Kind("session of bo.branch", {SESSIONS["bo.branch"]: USERS["bo.branch"]})
SESSION = Kind("own session", dict.fromkeys(SESSIONS.values(), frozenset()), personal=True)

OPEN, SIGNED_IN = "open", "signed in"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    json: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    ok: int | None = None
    fill: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask(_Body):
    """One way to ask a route.

    `address` is the method, the route's template and perhaps a query. The template's first
    parameter, and `{name}` in query and body, become the thing that is named; `fill` gives the
    other parameters. `{city}` becomes the code of a region of the caller's own. `ok` is the status
    for who may (200, for POST 201, for DELETE 204 unless given).
    """

    address: str
    needs: Right | str
    names: Kind

    @property
    def route(self) -> str:
        """Method and template."""
        return self.address.partition("?")[0]

    @property
    def title(self) -> str:
        """The address without times, which are not the same in every process of a test run."""
        return re.sub(r"(?<=[?&])(from|to)=[^&]*&?", "", self.address).rstrip("?&")

    @property
    def method(self) -> str:
        return self.address.partition(" ")[0]

    @property
    def is_page(self) -> bool:
        """Whether people read the answer."""
        return not self.address.partition(" ")[2].startswith(
            ("/api/", "/health/", "/metrics", "/openapi.json", "/assets/")
        )

    @property
    def expected(self) -> int:
        """The status for who may ask, of what they see."""
        usual = {"GET": 200, "POST": 201, "DELETE": 204}
        return self.ok or (200 if self.is_page else usual.get(self.method, 200))


_V1 = "/api/v1"
_RFC3339 = "%Y-%m-%dT%H:%M:%SZ"
_WINDOW = f"from={minutes_ago(4 * A_DAY):{_RFC3339}}&to={minutes_ago(-1):{_RFC3339}}"
_SAID = f"{_V1}/terminals/{{code}}"
_METRIC = {"name": "warmth", "type": "double", "title_zh": "温度", "title_en": "Warmth"}
_PROFILE = {
    "code": "cold_store", "sector": "security", "title_zh": "冷库", "title_en": "Cold store",
    "codec": "json", "expected_interval_seconds": 300, "metrics": [_METRIC],
}  # fmt: skip
_TERMINAL = {"code": "NEW-1", "profile": "smart_meter", "region": "{city}"}
_CLIENT = {
    "code": "new-co", "name": "New", "region": "{city}", "industry": "power", "tier": "gold",
}  # fmt: skip
_SIGN_IN = {"name": "ada", "password": PASSWORD}
_VIEWER = {"name": "new.viewer", "role": "client_viewer", "group_clients": ["{name}"]}
_CODE = {"code": "000000"}
_VIEWER_FORM = {"name": "new.viewer", "role": "client_viewer", "clients": "{name}"}
_NEW_PASSWORD = "five other words are enough"

ROUTES: tuple[Ask, ...] = (
    # Terminals
    Ask(f"GET {_V1}/terminals", Right.TERMINALS_READ, NOTHING),
    Ask(f"GET {_V1}/terminals?group_client={{name}}", Right.TERMINALS_READ, FILE),
    Ask(f"GET {_V1}/terminals?data=absent&session=unknown", Right.TERMINALS_READ, NOTHING),
    Ask(f"GET {_V1}/terminals?region={{name}}", Right.TERMINALS_READ, REGION),
    Ask(f"POST {_V1}/terminals", Right.TERMINALS_REGISTER, NOTHING, json=_TERMINAL),
    Ask(f"POST {_V1}/terminals", Right.TERMINALS_REGISTER, FILE,
        json=_TERMINAL | {"group_client": "{name}"}),
    Ask(f"GET {_V1}/terminals/{{code}}", Right.TERMINALS_READ, TERMINAL),
    Ask(f"PATCH {_V1}/terminals/{{code}}", Right.TERMINALS_CHANGE, TERMINAL,
        json={"state": "maintenance"}),
    Ask(f"PATCH {_V1}/terminals/{{code}}", Right.TERMINALS_RETIRE, TERMINAL,
        json={"state": "retired"}),
    Ask(f"POST {_V1}/terminals/{{code}}/credential", Right.CREDENTIALS_ISSUE, TERMINAL),
    Ask(f"DELETE {_V1}/terminals/{{code}}/credential", Right.CREDENTIALS_REVOKE, TERMINAL),
    # What they said
    Ask(f"GET {_SAID}/latest", Right.TELEMETRY_READ, MOMENT),
    Ask(f"GET {_SAID}/telemetry?{_WINDOW}", Right.TELEMETRY_READ, MOMENT),
    Ask(f"GET {_SAID}/telemetry?format=csv&{_WINDOW}", Right.TELEMETRY_READ, MOMENT),
    Ask(f"GET {_SAID}/telemetry?step=60&{_WINDOW}", Right.TELEMETRY_READ, MOMENT),
    Ask(f"GET {_SAID}/events?{_WINDOW}", Right.TELEMETRY_READ, MOMENT),
    Ask(f"GET {_SAID}/events?format=csv&{_WINDOW}", Right.TELEMETRY_READ, MOMENT),
    Ask(f"GET {_SAID}/presence", Right.TELEMETRY_READ, TERMINAL),
    Ask(f"GET {_SAID}/presence/changes?{_WINDOW}", Right.TELEMETRY_READ, MOMENT),
    Ask(f"GET {_SAID}/completeness", Right.TELEMETRY_READ, MOMENT),
    Ask(f"GET {_V1}/completeness", Right.TELEMETRY_READ, NOTHING),
    Ask(f"GET {_V1}/completeness?by=province", Right.TELEMETRY_READ, NOTHING),
    Ask(f"GET {_V1}/completeness?by=group_client&group_client={{name}}", Right.TELEMETRY_READ,
        FILE),
    Ask(f"GET {_V1}/completeness?region={{name}}", Right.TELEMETRY_READ, REGION),
    Ask(f"GET {_V1}/quarantine", Right.QUARANTINE_READ, NOTHING),
    Ask(f"GET {_V1}/quarantine?terminal={{name}}", Right.QUARANTINE_READ, MOMENT),
    Ask(f"GET {_V1}/quarantine?reason=clock&topic=m2m&{_WINDOW}", Right.QUARANTINE_READ, NOTHING),
    Ask(f"GET {_V1}/quarantine/{{item}}", Right.QUARANTINE_READ, ITEM),
    Ask(f"GET {_V1}/quarantine/storms", Right.QUARANTINE_READ, NOTHING),
    Ask(f"GET {_V1}/quarantine/storms?terminal={{name}}", Right.QUARANTINE_READ, MOMENT),
    Ask(f"POST {_V1}/quarantine/replays", Right.QUARANTINE_REPLAY, ITEM, json={"items": ["{name}"]},
        ok=202),
    Ask(f"GET {_V1}/quarantine/replays/{{replay}}", Right.QUARANTINE_REPLAY, REPLAY),
    Ask(f"GET {_V1}/quarantine/replays/{{replay}}/outcomes", Right.QUARANTINE_REPLAY, REPLAY),
    # Group clients
    Ask(f"GET {_V1}/group-clients", Right.GROUP_CLIENTS_READ, NOTHING),
    Ask(f"GET {_V1}/group-clients/{{code}}", Right.GROUP_CLIENTS_READ, FILE),
    Ask(f"POST {_V1}/group-clients", Right.GROUP_CLIENTS_REGISTER, NOTHING, json=_CLIENT),
    Ask(f"POST {_V1}/group-clients", Right.GROUP_CLIENTS_REGISTER, FILE,
        json=_CLIENT | {"parent": "{name}"}),
    # People and programs
    Ask(f"GET {_V1}/users", Right.USERS_READ, NOTHING),
    Ask(f"GET {_V1}/users?group_client={{name}}", Right.USERS_READ, FILE),
    Ask(f"POST {_V1}/users", Right.USERS_APPOINT, FILE, json=_VIEWER),
    Ask(f"GET {_V1}/users/{{name}}", Right.USERS_READ, USER),
    Ask(f"PATCH {_V1}/users/{{name}}", Right.USERS_APPOINT, USER, json={"disabled": True}),
    Ask(f"POST {_V1}/users/{{name}}/password", Right.USERS_APPOINT, USER, json={}, ok=200),
    Ask(f"DELETE {_V1}/users/{{name}}/second-factor", Right.USERS_APPOINT, USER),
    Ask(f"GET {_V1}/users/{{name}}/sessions", Right.USERS_READ, USER),
    Ask(f"DELETE {_V1}/users/{{name}}/sessions", Right.USERS_APPOINT, USER),
    Ask(f"DELETE {_V1}/users/{{name}}/sessions/{{session}}", Right.USERS_APPOINT, SESSION_OF_BO,
        fill={"name": "bo.branch"}),
    Ask(f"GET {_V1}/api-keys", Right.API_KEYS_READ, NOTHING),
    Ask(f"GET {_V1}/api-keys?group_client={{name}}", Right.API_KEYS_READ, FILE),
    Ask(f"POST {_V1}/api-keys", Right.API_KEYS_ISSUE, FILE, json=_VIEWER),
    Ask(f"GET {_V1}/api-keys/{{prefix}}", Right.API_KEYS_READ, KEY),
    Ask(f"DELETE {_V1}/api-keys/{{prefix}}", Right.API_KEYS_ISSUE, KEY),
    Ask(f"GET {_V1}/audit?limit=1000", Right.AUDIT_READ, NOTHING),
    Ask(f"GET {_V1}/audit?tenant={{name}}&action=none", Right.AUDIT_READ, FILE),
    Ask(f"GET {_V1}/audit/{{entry}}", Right.AUDIT_READ, ENTRY),
    # Oneself
    Ask(f"GET {_V1}/me", Right.ACCOUNT_READ, NOTHING),
    Ask(f"PUT {_V1}/me/password", Right.ACCOUNT_SET_PASSWORD, NOTHING,
        json={"current": PASSWORD, "new": _NEW_PASSWORD}, ok=204),
    Ask(f"POST {_V1}/me/second-factor", Right.ACCOUNT_ENROL, NOTHING),
    Ask(f"POST {_V1}/me/second-factor/confirmation", Right.ACCOUNT_ENROL, NOTHING,
        json=_CODE, ok=409),
    Ask(f"POST {_V1}/me/second-factor/recovery-codes", Right.ACCOUNT_ENROL, NOTHING,
        json=_CODE, ok=409),
    Ask(f"POST {_V1}/me/second-factor/removal", Right.ACCOUNT_ENROL, NOTHING,
        json=_CODE, ok=409),
    Ask(f"GET {_V1}/me/sessions", Right.ACCOUNT_OVERSEE, NOTHING),
    Ask(f"DELETE {_V1}/me/sessions", Right.ACCOUNT_OVERSEE, NOTHING),
    Ask(f"DELETE {_V1}/me/sessions/{{session}}", Right.ACCOUNT_OVERSEE, SESSION),
    Ask(f"POST {_V1}/sessions", OPEN, NOTHING, json=_SIGN_IN),
    Ask(f"POST {_V1}/sessions/second-factor", Right.ACCOUNT_OVERSEE, NOTHING, json=_CODE, ok=409),
    Ask(f"DELETE {_V1}/sessions/current", OPEN, NOTHING),
    # What is the same for everybody
    Ask(f"GET {_V1}/regions", Right.REGIONS_READ, NOTHING),
    Ask(f"GET {_V1}/regions/{{code}}", Right.REGIONS_READ, REGION),
    Ask(f"GET {_V1}/profiles", Right.PROFILES_READ, NOTHING),
    Ask(f"GET {_V1}/profiles/{{code}}", Right.PROFILES_READ, PROFILE),
    Ask(f"POST {_V1}/profiles", Right.PROFILES_DEFINE, NOTHING, json=_PROFILE),
    Ask(f"POST {_V1}/profiles/{{code}}/metrics", Right.PROFILES_DEFINE, PROFILE, json=_METRIC),
    # The process itself
    Ask("GET /health/live", OPEN, NOTHING),
    Ask("GET /health/ready", OPEN, NOTHING),
    Ask("GET /openapi.json", OPEN, NOTHING),
    Ask("GET /metrics", OPEN, NOTHING),  # on loopback, where these ask from
    # Pages
    Ask("GET /signin", OPEN, NOTHING),
    Ask("POST /signin", OPEN, NOTHING, form=_SIGN_IN, ok=303),
    Ask("POST /signout", OPEN, NOTHING, ok=303),
    Ask("POST /preferences", OPEN, NOTHING, form={"language": "zh"}, ok=303),
    Ask("GET /assets/{digest}/{path:path}", OPEN, NOTHING,
        fill={"digest": "0", "path:path": "console.css"}),
    Ask("GET /favicon.ico", OPEN, NOTHING, ok=308),
    Ask("GET /", Right.TERMINALS_READ, NOTHING),
    Ask("GET /register", Right.TERMINALS_REGISTER, NOTHING),
    Ask("POST /register", Right.TERMINALS_REGISTER, FILE,
        form={key: str(value) for key, value in _TERMINAL.items()} | {"client": "{name}"}),
    Ask("GET /terminals", Right.TERMINALS_READ, NOTHING),
    Ask("GET /terminals?data=silent", Right.TERMINALS_READ, NOTHING),
    Ask("GET /terminals?client={name}", Right.TERMINALS_READ, FILE),
    Ask("GET /terminals/{code}", Right.TERMINALS_READ, TERMINAL),
    Ask("POST /terminals/{code}/state", Right.TERMINALS_CHANGE, TERMINAL,
        form={"state": "maintenance"}, ok=303),
    Ask("POST /terminals/{code}/credential", Right.CREDENTIALS_ISSUE, TERMINAL),
    Ask("GET /group-clients", Right.GROUP_CLIENTS_READ, NOTHING),
    Ask("GET /group-clients/{code}", Right.GROUP_CLIENTS_READ, FILE),
    Ask("GET /profiles", Right.PROFILES_READ, NOTHING),
    Ask("GET /profiles/{code}", Right.PROFILES_READ, PROFILE),
    Ask("GET /quarantine", Right.QUARANTINE_READ, NOTHING),
    Ask("GET /quarantine?terminal={name}", Right.QUARANTINE_READ, MOMENT),
    Ask("POST /quarantine/replay", Right.QUARANTINE_REPLAY, MOMENT, form={"terminal": "{name}"},
        ok=303),
    Ask("POST /quarantine/{item}/replay", Right.QUARANTINE_REPLAY, ITEM, ok=303),
    Ask("GET /quarantine/replays/{replay}", Right.QUARANTINE_REPLAY, REPLAY),
    Ask("GET /quarantine/{item}", Right.QUARANTINE_READ, ITEM),
    Ask("GET /users", Right.USERS_READ, NOTHING),
    Ask("GET /users?client={name}", Right.USERS_READ, FILE),
    Ask("GET /users/new", Right.USERS_APPOINT, NOTHING),
    Ask("POST /users/new", Right.USERS_APPOINT, FILE, form=_VIEWER_FORM),
    Ask("GET /users/{user}", Right.USERS_READ, USER),
    Ask("POST /users/{user}/role", Right.USERS_APPOINT, USER, form={"role": "client_viewer"},
        ok=422),
    Ask("POST /users/{user}/standing", Right.USERS_APPOINT, USER, form={"disabled": "true"},
        ok=303),
    Ask("POST /users/{user}/password", Right.USERS_APPOINT, USER),
    Ask("POST /users/{user}/second-factor", Right.USERS_APPOINT, USER, ok=303),
    Ask("POST /users/{user}/sessions", Right.USERS_APPOINT, USER, ok=303),
    Ask("GET /api-keys", Right.API_KEYS_READ, NOTHING),
    Ask("GET /api-keys?client={name}", Right.API_KEYS_READ, FILE),
    Ask("GET /api-keys/new", Right.API_KEYS_ISSUE, NOTHING),
    Ask("POST /api-keys/new", Right.API_KEYS_ISSUE, FILE, form=_VIEWER_FORM),
    Ask("GET /api-keys/{prefix}", Right.API_KEYS_READ, KEY),
    Ask("POST /api-keys/{prefix}/revocation", Right.API_KEYS_ISSUE, KEY, ok=303),
    Ask("GET /audit", Right.AUDIT_READ, NOTHING),
    Ask("GET /audit?client={name}", Right.AUDIT_READ, FILE),
    Ask("GET /audit/{entry}", Right.AUDIT_READ, NOTHING, fill={"entry": "99999999"}, ok=404),
    Ask("GET /account", Right.ACCOUNT_OVERSEE, NOTHING),
    Ask("POST /account/sessions", Right.ACCOUNT_OVERSEE, NOTHING, ok=303),
    Ask("POST /account/sessions", Right.ACCOUNT_OVERSEE, SESSION, form={"session": "{name}"},
        ok=303),
    Ask("GET /account/password", Right.ACCOUNT_SET_PASSWORD, NOTHING),
    Ask("POST /account/password", Right.ACCOUNT_SET_PASSWORD, NOTHING, ok=303,
        form={"current": PASSWORD, "new": _NEW_PASSWORD, "again": _NEW_PASSWORD}),
    Ask("GET /account/second-factor", Right.ACCOUNT_ENROL, NOTHING),
    Ask("POST /account/second-factor", Right.ACCOUNT_ENROL, NOTHING),
    Ask("POST /account/second-factor/confirmation", Right.ACCOUNT_ENROL, NOTHING, form=_CODE,
        ok=409),
    Ask("POST /account/second-factor/recovery-codes", Right.ACCOUNT_ENROL, NOTHING, form=_CODE,
        ok=409),
    Ask("POST /account/second-factor/removal", Right.ACCOUNT_ENROL, NOTHING, form=_CODE, ok=409),
    Ask("GET /signin/code", Right.ACCOUNT_READ, NOTHING, ok=303),
    Ask("POST /signin/code", Right.ACCOUNT_READ, NOTHING, form=_CODE, ok=409),
)  # fmt: skip
