"""What may be asked of how the platform is: by who sees everything."""

from registry.scope import Right
from tests.api.asks import Ask, Kind

NOTHING = Kind("nothing")
_PARTS = ("processes", "bridges", "feed", "database")

PLATFORM: tuple[Ask, ...] = (
    *(
        Ask(f"GET {prefix}/{part}", Right.PLATFORM_READ, NOTHING)
        for prefix in ("/api/v1/platform", "/platform")
        for part in _PARTS
    ),
    Ask("GET /api/v1/platform/settings", Right.PLATFORM_READ, NOTHING),
    Ask("GET /platform", Right.PLATFORM_READ, NOTHING),
    Ask("GET /platform/storage", Right.PLATFORM_READ, NOTHING),
)
