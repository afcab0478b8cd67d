"""What each route answers to whom: the right it needs, and what its address or body names.

`test_matrix.py` asks every line as every role, on both sides, about everything there is of the
kind that it names, and about what is not there. A route without a line fails the build.
"""

from registry.scope import Right
from tests.api import (
    declared_alarms,
    declared_bindings,
    declared_files,
    declared_kept,
    declared_lives,
    declared_measured,
    declared_platform,
    declared_profiles,
    declared_prometheus,
    declared_serving,
)
from tests.api.asks import OPEN, Ask, Kind
from tests.api.dealing import AWAITED, DEALS, DEALT, RECEIVED
from tests.api.importing import APPLIED, IMPORTS, JOBS
from tests.api.parted import (
    A_DAY,
    CERTIFICATES,
    COLLECTIONS,
    ENTRIES,
    EVERYBODY,
    FILES,
    KEYS,
    MOMENTS,
    REFUSED,
    REPLAYS,
    SESSIONS,
    SIMS,
    TERMINALS,
    USERS,
)
from tests.api.world import PASSWORD, minutes_ago

NOTHING = Kind("nothing")
TERMINAL = Kind("terminal", TERMINALS)
SIM = Kind("SIM", SIMS)
MOMENT = Kind("moment of a terminal", MOMENTS)
FILE = Kind("group client", FILES)
ITEM = Kind("refused message", REFUSED)
REPLAY = Kind("replay", REPLAYS)
TRANSFER = Kind("transfer", {**DEALS, **DEALT})
OPEN_TRANSFER = Kind("open transfer", DEALS)
AWAITED_TRANSFER = Kind("transfer that waits for consent", AWAITED)
DONE_TRANSFER = Kind("transfer to oneself", RECEIVED)
IMPORT = Kind("import", IMPORTS)
APPLIED_IMPORT = Kind("applied import", APPLIED)
JOB = Kind("job", JOBS)
ENTRY = Kind("audit entry", ENTRIES)
PROFILE = Kind("profile", {"smart_meter": EVERYBODY})
REGION = Kind("region", {"320500": EVERYBODY})
TIER = Kind("tier", {"silver": EVERYBODY})
COLLECTION = Kind("collection", COLLECTIONS)
USER = Kind("user", USERS)
KEY = Kind("API key", KEYS)
SESSION_OF_BO = Kind("session of bo.branch", {SESSIONS["bo.branch"]: USERS["bo.branch"]})
CERTIFICATE_OF_AWAY = Kind(
    "certificate of AWAY-01", {CERTIFICATES["AWAY-01"]: TERMINALS["AWAY-01"]}
)
SESSION = Kind("own session", dict.fromkeys(SESSIONS.values(), frozenset()), personal=True)

_V1 = "/api/v1"
_RFC3339 = "%Y-%m-%dT%H:%M:%SZ"
_WINDOW = f"from={minutes_ago(4 * A_DAY):{_RFC3339}}&to={minutes_ago(-1):{_RFC3339}}"
_SAID = f"{_V1}/terminals/{{code}}"
_METRIC = {"name": "warmth", "type": "double", "title_zh": "温度", "title_en": "Warmth"}
_PROFILE = {
    "code": "cold_store", "sector": "security", "title_zh": "冷库", "title_en": "Cold store",
    "codec": "json", "expected_interval_seconds": 300, "metrics": [_METRIC],
}  # fmt: skip
_PAYLOAD = {"payload": "7b7d", "codec": "json"}
_TERMINAL = {"code": "NEW-1", "profile": "smart_meter", "region": "{city}"}
_SIM = {"iccid": "89860425102099340002", "region": "{city}"}
_CLIENT = {
    "code": "new-co", "name": "New", "region": "{city}", "industry": "power", "tier": "gold",
}  # fmt: skip
_SIGN_IN = {"name": "ada", "password": PASSWORD}
_VIEWER = {"name": "new.viewer", "role": "client_viewer", "group_clients": ["{name}"]}
_CONNECT = {"username": "HOME-01", "clientid": "HOME-01", "password": "x"}
_CODE = {"code": "000000"}
_VIEWER_FORM = {"name": "new.viewer", "role": "client_viewer", "clients": "{name}"}
_NEW_PASSWORD = "five other words are enough"

ROUTES: tuple[Ask, ...] = (
    # Terminals
    Ask(f"GET {_V1}/terminals", Right.TERMINALS_READ, NOTHING),
    Ask(f"GET {_V1}/terminals?group_client={{name}}", Right.TERMINALS_READ, FILE),
    Ask(f"GET {_V1}/terminals?data=absent&session=unknown", Right.TERMINALS_READ, NOTHING),
    Ask(f"GET {_V1}/terminals?region={{name}}", Right.TERMINALS_READ, REGION),
    Ask(f"GET {_V1}/terminals?q=er&count=true&sector=power", Right.TERMINALS_READ, NOTHING),
    Ask(f"GET {_V1}/terminals?tag=pilot&count=true", Right.TERMINALS_READ, NOTHING),
    Ask(f"GET {_V1}/terminals?q=89&imei=0&wire_name=0&count=true", Right.TERMINALS_READ, NOTHING),
    *(Ask(f"GET {_V1}/search?limit=50&q={text}", Right.TERMINALS_READ, NOTHING)
      for text in ("HOME", "AWAY", "BRANCH", "GUEST", "TRAM", "er", "89", "49", "46", "power")),
    Ask(f"POST {_V1}/terminals", Right.TERMINALS_REGISTER, NOTHING, json=_TERMINAL),
    Ask(f"POST {_V1}/terminals", Right.TERMINALS_REGISTER, FILE,
        json=_TERMINAL | {"group_client": "{name}"}),
    Ask(f"GET {_V1}/terminals/{{code}}", Right.TERMINALS_READ, TERMINAL),
    Ask(f"PATCH {_V1}/terminals/{{code}}", Right.TERMINALS_CHANGE, TERMINAL,
        json={"state": "maintenance"}),
    Ask(f"PATCH {_V1}/terminals/{{code}}", Right.TERMINALS_RETIRE, TERMINAL,
        json={"state": "retired"}),
    *(Ask(asked, needs, TERMINAL, **more) for asked, needs, more in declared_lives.OF_TERMINALS),
    Ask(f"POST {_V1}/terminals/{{code}}/credential", Right.CREDENTIALS_ISSUE, TERMINAL),
    Ask(f"DELETE {_V1}/terminals/{{code}}/credential", Right.CREDENTIALS_REVOKE, TERMINAL),
    # What becomes of them
    Ask(f"GET {_V1}/transfers", Right.TRANSFERS_READ, NOTHING),
    Ask(f"GET {_V1}/transfers?state=proposed&terminal=DEAL-05", Right.TRANSFERS_READ, NOTHING),
    Ask(f"POST {_V1}/transfers", Right.TRANSFERS_SIGN, TERMINAL,
        json={"terminals": ["{name}"], "to": "nobody-co"}),
    Ask(f"GET {_V1}/transfers/{{transfer}}", Right.TRANSFERS_READ, TRANSFER),
    Ask(f"GET {_V1}/transfers/{{transfer}}/terminals", Right.TRANSFERS_READ, TRANSFER),
    Ask(f"POST {_V1}/transfers/{{transfer}}/consent", Right.TRANSFERS_SIGN, AWAITED_TRANSFER,
        json={"evidence": "letter 7"}, ok=200),
    Ask(f"POST {_V1}/transfers/{{transfer}}/withdrawal", Right.TRANSFERS_SIGN, OPEN_TRANSFER,
        json={"reason": "not now"}, ok=200),
    Ask(f"POST {_V1}/transfers/{{transfer}}/credentials", Right.CREDENTIALS_ISSUE, DONE_TRANSFER),
    # SIMs
    Ask(f"GET {_V1}/sims", Right.SIMS_READ, NOTHING),
    Ask(f"GET {_V1}/sims?state=active&installed=true&plan=p&apn=a", Right.SIMS_READ, NOTHING),
    Ask(f"GET {_V1}/sims?iccid=898604251020993&imsi=46&msisdn=1", Right.SIMS_READ, NOTHING),
    Ask(f"GET {_V1}/sims?group_client={{name}}", Right.SIMS_READ, FILE),
    Ask(f"GET {_V1}/sims?region={{name}}", Right.SIMS_READ, REGION),
    Ask(f"GET {_V1}/sims?activates_within_days=30", Right.SIMS_READ, NOTHING),
    Ask(f"GET {_V1}/sims/activations", Right.SIMS_READ, NOTHING),
    Ask(f"POST {_V1}/sims", Right.SIMS_REGISTER, NOTHING, json=_SIM),
    Ask(f"POST {_V1}/sims", Right.SIMS_REGISTER, FILE, json=_SIM | {"group_client": "{name}"}),
    Ask(f"GET {_V1}/sims/{{iccid}}", Right.SIMS_READ, SIM),
    Ask(f"PATCH {_V1}/sims/{{iccid}}", Right.SIMS_CHANGE, SIM, json={"apn": "cmiot"}),
    Ask(f"PUT {_V1}/sims/{{iccid}}/state", Right.SIMS_MOVE, SIM, json={"state": "suspended"}),
    Ask(f"GET {_V1}/sims/{{iccid}}/states", Right.SIMS_READ, SIM),
    Ask(f"GET {_V1}/sims/{{iccid}}/installations", Right.SIMS_READ, SIM),
    Ask(f"DELETE {_V1}/sims/{{iccid}}/installation", Right.SIMS_INSTALL, SIM),
    Ask(f"POST {_V1}/sims/{{iccid}}/installation", Right.SIMS_INSTALL, SIM,
        json={"terminal": "no-such"}, ok=404),
    Ask(f"POST {_V1}/sims/placements", Right.SIMS_INSTALL, NOTHING,
        json={"placements": [{"iccid": "89860425102099349999", "terminal": "OLD-1"}]}, ok=404),
    *declared_bindings.BINDINGS,
    Ask(f"GET {_V1}/terminals/{{code}}/credential", Right.TERMINALS_READ, TERMINAL),
    Ask(f"GET {_V1}/terminals/{{code}}/certificates", Right.TERMINALS_READ, TERMINAL),
    Ask(f"POST {_V1}/terminals/{{code}}/certificates", Right.CREDENTIALS_ISSUE, TERMINAL,
        json={"csr": "none"}, ok=409),  # the country has no authority
    Ask(f"GET {_V1}/terminals/{{code}}/certificates/{{serial}}", Right.TERMINALS_READ,
        CERTIFICATE_OF_AWAY, fill={"code": "AWAY-01"}),
    Ask(f"DELETE {_V1}/terminals/{{code}}/certificates/{{serial}}", Right.CREDENTIALS_REVOKE,
        CERTIFICATE_OF_AWAY, fill={"code": "AWAY-01"}),
    Ask(f"GET {_V1}/collections", Right.COLLECTIONS_READ, NOTHING),
    Ask(f"GET {_V1}/collections?group_client={{name}}", Right.COLLECTIONS_READ, FILE),
    Ask(f"POST {_V1}/collections", Right.COLLECTIONS_CHANGE, FILE,
        json={"name": "New", "group_client": "{name}"}),
    Ask("GET /collections", Right.COLLECTIONS_READ, NOTHING),
    Ask("GET /collections/new", Right.COLLECTIONS_CHANGE, NOTHING),
    Ask("POST /collections/new", Right.COLLECTIONS_CHANGE, FILE,
        form={"name": "New", "owner": "{name}"}, ok=303),
    *(Ask(asked, needs, COLLECTION, **more) for asked, needs, more in declared_lives.OF_SETS),
    # What they said
    Ask(f"GET {_SAID}/latest", Right.TELEMETRY_READ, MOMENT),
    Ask(f"GET {_SAID}/telemetry?{_WINDOW}", Right.TELEMETRY_READ, MOMENT),
    Ask(f"GET {_SAID}/telemetry?format=csv&{_WINDOW}", Right.TELEMETRY_READ, MOMENT),
    Ask(f"GET {_SAID}/telemetry?step=60&{_WINDOW}", Right.TELEMETRY_READ, MOMENT),
    *declared_measured.MEASURED,
    *declared_alarms.ALARMED,
    *declared_prometheus.SCRAPED,
    *declared_kept.KEPT, *declared_platform.PLATFORM, *declared_profiles.EDITED,
    Ask(f"GET {_SAID}/events?{_WINDOW}", Right.TELEMETRY_READ, MOMENT),
    Ask(f"GET {_SAID}/events?format=csv&{_WINDOW}", Right.TELEMETRY_READ, MOMENT),
    Ask(f"GET {_SAID}/presence", Right.TELEMETRY_READ, TERMINAL),
    Ask(f"GET {_SAID}/diagnosis", Right.TELEMETRY_READ, TERMINAL),
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
    # Bulk provisioning
    Ask(f"POST {_V1}/imports?kind=terminals", Right.IMPORTS_RUN, NOTHING, json=_TERMINAL, ok=202),
    Ask(f"GET {_V1}/imports", Right.IMPORTS_READ, NOTHING),
    Ask(f"GET {_V1}/imports/kinds", Right.IMPORTS_READ, NOTHING),
    Ask(f"GET {_V1}/imports/{{number}}", Right.IMPORTS_READ, IMPORT),
    Ask(f"GET {_V1}/imports/{{number}}/rows?only=wrong", Right.IMPORTS_READ, IMPORT),
    Ask(f"GET {_V1}/imports/{{number}}/verdicts", Right.IMPORTS_READ, IMPORT),
    Ask(f"POST {_V1}/imports/{{number}}/application", Right.IMPORTS_RUN, IMPORT,
        json={"whole": True}, ok=202),
    Ask(f"POST {_V1}/imports/{{number}}/undoing", Right.IMPORTS_RUN, APPLIED_IMPORT, ok=202),
    Ask(f"DELETE {_V1}/imports/{{number}}", Right.IMPORTS_RUN, IMPORT),
    Ask(f"POST {_V1}/imports/{{number}}/passwords", Right.IMPORTS_RUN, APPLIED_IMPORT,
        ok=409),
    Ask(f"GET {_V1}/jobs", Right.JOBS_READ, NOTHING),
    Ask(f"GET {_V1}/jobs/{{job}}", Right.JOBS_READ, JOB),
    Ask(f"GET {_V1}/exports/{{kind}}", Right.TERMINALS_READ, NOTHING, fill={"kind": "terminals"}),
    # Supervision
    *(Ask(f"GET {_V1}/supervision?by={by}", Right.SUPERVISION_READ, NOTHING)
      for by in ("region", "level", "industry", "class", "sector", "tier", "client")),
    Ask(f"GET {_V1}/supervision?by=client&within={{name}}", Right.SUPERVISION_READ, REGION),
    Ask(f"GET {_V1}/supervision/days", Right.SUPERVISION_READ, NOTHING),
    Ask(f"GET {_V1}/supervision/file?by=client&format=ndjson", Right.SUPERVISION_READ, NOTHING),
    Ask("GET /supervision", Right.SUPERVISION_READ, NOTHING),
    Ask("GET /supervision?by=client&rate=verified_rate", Right.SUPERVISION_READ, NOTHING),
    Ask("GET /supervision/file?by=client", Right.SUPERVISION_READ, NOTHING),
    # Group clients
    Ask(f"GET {_V1}/group-clients", Right.GROUP_CLIENTS_READ, NOTHING),
    Ask(f"GET {_V1}/group-clients/{{code}}", Right.GROUP_CLIENTS_READ, FILE),
    Ask(f"POST {_V1}/group-clients", Right.GROUP_CLIENTS_REGISTER, NOTHING, json=_CLIENT),
    Ask(f"POST {_V1}/group-clients", Right.GROUP_CLIENTS_REGISTER, FILE,
        json=_CLIENT | {"parent": "{name}"}),
    *(Ask(asked, needs, FILE, **more) for asked, needs, more in declared_files.OF_FILES),
    Ask(f"GET {_V1}/tiers", Right.TIERS_READ, NOTHING),
    *(Ask(asked, needs, TIER, **more) for asked, needs, more in declared_files.OF_TIERS),
    *declared_serving.SERVING,
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
    Ask(f"POST {_V1}/decode", Right.PROFILES_READ, NOTHING, json=_PAYLOAD, ok=200),
    Ask(f"POST {_V1}/profiles", Right.PROFILES_DEFINE, NOTHING, json=_PROFILE),
    Ask(f"POST {_V1}/profiles/{{code}}/metrics", Right.PROFILES_DEFINE, PROFILE, json=_METRIC),
    # The process itself
    Ask("GET /health/live", OPEN, NOTHING),
    Ask("GET /health/ready", OPEN, NOTHING),
    Ask("GET /openapi.json", OPEN, NOTHING),
    Ask("GET /metrics", OPEN, NOTHING),  # on loopback, where these ask from
    # Brokers show a secret of their own, and no key or session of anybody's is one
    Ask("POST /broker/authenticate", OPEN, NOTHING, json=_CONNECT, ok=401),
    Ask("POST /broker/authorize", OPEN, NOTHING, json=_CONNECT, ok=401),
    Ask("POST /broker/rabbitmq/user", OPEN, NOTHING, form=_CONNECT, ok=401),
    Ask("POST /broker/rabbitmq/vhost", OPEN, NOTHING, form=_CONNECT, ok=401),
    Ask("POST /broker/rabbitmq/resource", OPEN, NOTHING, form=_CONNECT, ok=401),
    Ask("POST /broker/rabbitmq/topic", OPEN, NOTHING, form=_CONNECT, ok=401),
    # Pages
    Ask("GET /signin", OPEN, NOTHING),
    Ask("POST /signin", OPEN, NOTHING, form=_SIGN_IN, ok=303),
    Ask("GET /signin/provider", OPEN, NOTHING, ok=404),
    Ask("GET /signin/provider/callback", OPEN, NOTHING, ok=404),
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
    Ask("GET /terminals?q=er&tag=pilot&session=unknown", Right.TERMINALS_READ, NOTHING),
    Ask("GET /search?q=89", Right.TERMINALS_READ, NOTHING),
    Ask("GET /search?q=er", Right.TERMINALS_READ, NOTHING),
    Ask("GET /terminals/{code}", Right.TERMINALS_READ, TERMINAL),
    Ask("POST /terminals/{code}/state", Right.TERMINALS_CHANGE, TERMINAL,
        form={"state": "isolated", "reason": "stolen"}, ok=303),
    Ask("POST /terminals/{code}/credential", Right.CREDENTIALS_ISSUE, TERMINAL),
    Ask("GET /terminals/{code}/access", Right.TERMINALS_READ, TERMINAL),
    Ask("POST /terminals/{code}/certificates", Right.CREDENTIALS_ISSUE, TERMINAL,
        form={"csr": "none"}, ok=409),
    Ask("POST /terminals/{code}/certificates/{serial}/revocation", Right.CREDENTIALS_REVOKE,
        CERTIFICATE_OF_AWAY, form={"reason": "superseded"}, fill={"code": "AWAY-01"}, ok=303),
    Ask("POST /terminals/{code}/cut-off", Right.CREDENTIALS_REVOKE, TERMINAL, ok=303),
    Ask("GET /transfers", Right.TRANSFERS_READ, NOTHING),
    Ask("GET /transfers?state=all&terminal=DEAL-05", Right.TRANSFERS_READ, NOTHING),
    Ask("GET /transfers/new", Right.TRANSFERS_SIGN, NOTHING),
    Ask("POST /transfers/new", Right.TRANSFERS_SIGN, TERMINAL,
        form={"terminals": "{name}", "to": "nobody-co"}, ok=303),
    Ask("GET /transfers/{transfer}", Right.TRANSFERS_READ, TRANSFER),
    Ask("POST /transfers/{transfer}/consent", Right.TRANSFERS_SIGN, AWAITED_TRANSFER,
        form={"evidence": "letter 7"}, ok=303),
    Ask("POST /transfers/{transfer}/withdrawal", Right.TRANSFERS_SIGN, OPEN_TRANSFER,
        form={"reason": "not now"}, ok=303),
    Ask("POST /transfers/{transfer}/credentials", Right.CREDENTIALS_ISSUE, DONE_TRANSFER),
    Ask("GET /sims", Right.SIMS_READ, NOTHING),
    Ask("GET /sims?ahead=30", Right.SIMS_READ, NOTHING),
    Ask("GET /sims?client={name}", Right.SIMS_READ, FILE),
    Ask("GET /sims/new", Right.SIMS_REGISTER, NOTHING),
    Ask("POST /sims/new", Right.SIMS_REGISTER, NOTHING,
        form={key: str(value) for key, value in _SIM.items()}, ok=303),
    Ask("GET /sims/{iccid}", Right.SIMS_READ, SIM),
    Ask("POST /sims/{iccid}/state", Right.SIMS_MOVE, SIM, form={"state": "suspended"}, ok=303),
    Ask("POST /sims/{iccid}/service", Right.SIMS_CHANGE, SIM,
        form={"apn": "cmiot"}, ok=303),
    Ask("POST /sims/{iccid}/installation", Right.SIMS_INSTALL, SIM, form={}, ok=303),
    Ask("GET /imports", Right.IMPORTS_READ, NOTHING),
    Ask("GET /imports/new", Right.IMPORTS_RUN, NOTHING),
    Ask("POST /imports", Right.IMPORTS_RUN, NOTHING, form={"kind": "terminals"}, ok=422),
    Ask("GET /imports/template/{kind}", Right.IMPORTS_READ, NOTHING, fill={"kind": "terminals"}),
    Ask("GET /imports/export/{kind}", Right.TERMINALS_READ, NOTHING, fill={"kind": "terminals"}),
    Ask("GET /imports/{number}", Right.IMPORTS_READ, IMPORT),
    Ask("GET /imports/{number}/verdicts", Right.IMPORTS_READ, IMPORT),
    Ask("POST /imports/{number}/application", Right.IMPORTS_RUN, IMPORT, form={"whole": "true"},
        ok=303),
    Ask("POST /imports/{number}/undoing", Right.IMPORTS_RUN, IMPORT, ok=409),
    Ask("POST /imports/{number}/cancellation", Right.IMPORTS_RUN, IMPORT, ok=303),
    Ask("POST /imports/{number}/passwords", Right.IMPORTS_RUN, IMPORT, ok=409),
    Ask("GET /group-clients", Right.GROUP_CLIENTS_READ, NOTHING),
    Ask("GET /group-clients/{code}", Right.GROUP_CLIENTS_READ, FILE),
    Ask("GET /terminals/{code}/events?code=h&since=7d", Right.TELEMETRY_READ, TERMINAL),
    Ask("GET /terminals/{code}/readings?since=7d", Right.TELEMETRY_READ, TERMINAL),
    Ask("GET /charts", Right.TELEMETRY_READ, NOTHING),
    Ask("GET /charts?terminal={name}&metric=voltage_a", Right.TELEMETRY_READ, TERMINAL),
    Ask("GET /decode?payload=7b7d", Right.PROFILES_READ, NOTHING),
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
    Ask("GET /account", Right.ACCOUNT_OVERSEE, NOTHING),
    Ask("GET /glossary", Right.ACCOUNT_OVERSEE, NOTHING),
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
