"""What a Prometheus may ask for, and by whose key."""

from registry.scope import Right
from tests.api.asks import Ask, Kind
from tests.api.parted import FILES

NOTHING = Kind("nothing")
FILE = Kind("group client", FILES)

SCRAPED: tuple[Ask, ...] = (
    Ask("GET /api/v1/prometheus/targets", Right.METRICS_SCRAPE, NOTHING),
    Ask("GET /api/v1/group-clients/{code}/metrics", Right.METRICS_SCRAPE, FILE),
)
