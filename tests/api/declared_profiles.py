"""What may be asked of the editor of device profiles: by who defines them."""

from registry.scope import Right
from tests.api.asks import Ask, Kind
from tests.api.parted import EVERYBODY

NOTHING = Kind("nothing")
PROFILE = Kind("profile", {"smart_meter": EVERYBODY})

_DEFINE = Right.PROFILES_DEFINE
_METRIC = {"metric_name": "leakage", "metric_type": "double", "metric_title_zh": "漏电"}
_METRIC |= {"metric_title_en": "Leakage"}
_PROFILE = {"profile_code": "cold_store", "title_zh": "冷库", "title_en": "Cold store", **_METRIC}

EDITED: tuple[Ask, ...] = (
    Ask("GET /profiles/new", _DEFINE, NOTHING),
    Ask("POST /profiles/new", _DEFINE, NOTHING, form=_PROFILE, ok=303),
    Ask("POST /profiles/new/trial", _DEFINE, NOTHING, form=_PROFILE),
    Ask("GET /profiles/{code}/metrics", _DEFINE, PROFILE),
    Ask("POST /profiles/{code}/metrics", _DEFINE, PROFILE, form=_METRIC, ok=303),
    Ask("POST /profiles/{code}/metrics/trial", _DEFINE, PROFILE, form=_METRIC),
)
