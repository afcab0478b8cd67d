"""What may be asked of what many terminals said, each and together, and by whom."""

from registry.scope import Right
from tests.api.asks import Ask, Kind
from tests.api.importing import EXPORTS
from tests.api.parted import A_DAY, COLLECTIONS, EVERYBODY, FILES, MOMENTS
from tests.api.world import minutes_ago

NOTHING = Kind("nothing")
MOMENT = Kind("moment of a terminal", MOMENTS)
FILE = Kind("group client", FILES)
COLLECTION = Kind("collection", COLLECTIONS)
REGION = Kind("region", {"320500": EVERYBODY})
EXPORT = Kind("export", EXPORTS)

_OF = "GET /api/v1/telemetry"
_LIVE = "GET /api/v1/live"
_RFC3339 = "%Y-%m-%dT%H:%M:%SZ"
_WINDOW = f"from={minutes_ago(4 * A_DAY):{_RFC3339}}&to={minutes_ago(-1):{_RFC3339}}"
_TOGETHER = f"profile=smart_meter&metric=voltage_a&step=1h&across=sum&{_WINDOW}"
_READ = Right.TELEMETRY_READ
_EXPORTS = "/api/v1/telemetry/exports"
_WANTED = {"from": f"{minutes_ago(4 * A_DAY):{_RFC3339}}", "to": f"{minutes_ago(-1):{_RFC3339}}"}

MEASURED: tuple[Ask, ...] = (
    Ask("GET /counts/terminals?data=silent", Right.TERMINALS_READ, NOTHING),
    Ask("GET /counts/terminals?client={name}", Right.TERMINALS_READ, FILE),
    Ask(f"{_OF}/series?terminals={{name}}&{_WINDOW}", _READ, MOMENT),
    Ask(f"{_OF}/series?terminals={{name}}&format=csv&{_WINDOW}", _READ, MOMENT),
    Ask(f"{_OF}/series?terminals={{name}}&format=ndjson&points=9&{_WINDOW}", _READ, MOMENT),
    Ask(f"{_OF}/series?terminals={{name}}&step=1d&timezone=Asia/Shanghai&fill=null"
        f"&aggregate=count&{_WINDOW}", _READ, MOMENT),
    # From roll-ups, if there are any: what one of another owner's time would show.
    *(Ask(f"{_OF}/series?terminals={{name}}&metric=voltage_a&step={step}&aggregate={aggregate}"
          f"&{_WINDOW}", _READ, MOMENT)
      for step, aggregate in (("1h", "min"), ("1h", "max"), ("1d", "first"), ("2d", "last"))),
    Ask(f"{_OF}/aggregate?group_client={{name}}&{_TOGETHER}", _READ, FILE),
    Ask(f"{_OF}/aggregate?collection={{name}}&{_TOGETHER}", _READ, COLLECTION),
    Ask(f"{_OF}/aggregate?region={{name}}&format=csv&{_TOGETHER}", _READ, REGION),
    Ask(f"{_OF}/series?terminals={{name}}&format=parquet&{_WINDOW}", _READ, MOMENT),
    Ask(f"{_OF}/latest", _READ, NOTHING),
    Ask(f"{_OF}/latest?limit=10000&format=csv", _READ, NOTHING),
    Ask(f"{_OF}/latest?limit=10000&format=ndjson&profile=smart_meter", _READ, NOTHING),
    Ask(f"{_OF}/latest?terminals={{name}}", _READ, MOMENT),
    Ask(f"{_OF}/latest?group_client={{name}}", _READ, FILE),
    Ask(f"{_OF}/latest?collection={{name}}", _READ, COLLECTION),
    Ask(f"{_OF}/latest?region={{name}}&metric=voltage_a", _READ, REGION),
    Ask(f"POST {_EXPORTS}", _READ, MOMENT, json=_WANTED | {"terminals": ["{name}"]}, ok=202),
    Ask(f"POST {_EXPORTS}", _READ, FILE, json=_WANTED | {"group_client": "{name}"}, ok=202),
    Ask(f"GET {_EXPORTS}", _READ, NOTHING),
    Ask(f"GET {_EXPORTS}/{{number}}", _READ, EXPORT),
    Ask(f"GET {_EXPORTS}/{{number}}/file", _READ, EXPORT),
    Ask(f"DELETE {_EXPORTS}/{{number}}", _READ, EXPORT),
    Ask("GET /exports", _READ, NOTHING),
    Ask("GET /exports/new", _READ, NOTHING),
    Ask("POST /exports/new", _READ, MOMENT, form={"terminals": "{name}"}, ok=303),
    Ask("GET /exports/{number}/file", _READ, EXPORT),
    Ask("POST /exports/{number}/deletion", _READ, EXPORT, ok=303),
    Ask(f"{_LIVE}?seconds=0", _READ, NOTHING),
    Ask(f"{_LIVE}?seconds=0&terminals={{name}}", _READ, MOMENT),
    Ask(f"{_LIVE}?seconds=0&group_client={{name}}", _READ, FILE),
    Ask(f"{_LIVE}?seconds=0&collection={{name}}", _READ, COLLECTION),
    Ask(f"{_LIVE}?seconds=0&region={{name}}&profile=smart_meter", _READ, REGION),
)  # fmt: skip
