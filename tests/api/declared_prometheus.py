"""What a Prometheus may ask for, and by whose key."""

from registry.scope import Right
from tests.api.asks import Ask, Kind
from tests.api.parted import EVERYBODY, FILES

NOTHING = Kind("nothing")
FILE = Kind("group client", FILES)
HANDOUT = Kind("file to download", {"fleet.yml": EVERYBODY})

SCRAPED: tuple[Ask, ...] = (
    Ask("GET /api/v1/prometheus/targets", Right.METRICS_SCRAPE, NOTHING),
    Ask("GET /api/v1/prometheus/series", Right.GROUP_CLIENTS_READ, NOTHING),
    Ask("GET /prometheus", Right.API_KEYS_READ, NOTHING),
    Ask("GET /prometheus/series", Right.API_KEYS_READ, NOTHING),
    Ask("GET /prometheus/files/{name}", Right.API_KEYS_READ, HANDOUT),
    Ask("GET /api/v1/group-clients/{code}/metrics", Right.METRICS_SCRAPE, FILE),
)
