"""What may be asked of the lives, parts and names of terminals, and of collections, by whom.

Addresses, rights and what else an `Ask` of `tests.api.declared` takes.
"""

from typing import Any

from registry.scope import Right

_OF = "/api/v1/terminals/{code}"
_SET = "/api/v1/collections/{collection}"
_PAGE, _SET_PAGE = "/terminals/{code}", "/collections/{collection}"
_READ, _CHANGE = Right.TERMINALS_READ, Right.TERMINALS_CHANGE

Asked = tuple[str, Right, dict[str, Any]]

OF_TERMINALS: tuple[Asked, ...] = (
    (f"PATCH {_OF}", _CHANGE, {"json": {"state": "isolated", "reason": "stolen"}}),
    (f"PATCH {_OF}", _CHANGE,
     {"json": {"name": "Roof", "tags": ["roof"], "latitude": 31.3, "longitude": 120.6}}),
    (f"GET {_OF}/moves", _READ, {}),
    (f"GET {_OF}/hardware", _READ, {}),
    (f"POST {_OF}/hardware", _CHANGE, {"json": {"imei": None}}),
    (f"GET {_OF}/installations", Right.SIMS_READ, {}),
    (f"POST {_OF}/installations", Right.SIMS_INSTALL, {"json": {"iccid": None}}),
    (f"GET {_OF}/wire-names", _READ, {}),
    (f"POST {_OF}/wire-names", _CHANGE, {"json": {"kind": "meter_address", "value": "7"}}),
    (f"DELETE {_OF}/wire-names/{{name}}", _CHANGE, {"fill": {"name": "code:{name}"}}),
    (f"GET {_OF}/gateways", _READ, {}),
    (f"POST {_OF}/gateways", _CHANGE, {"json": {"gateway": None}}),
    (f"GET {_OF}/behind", _READ, {}),
    (f"GET {_PAGE}/behind", _READ, {}),
    (f"GET {_PAGE}/change", _CHANGE, {}),
    (f"POST {_PAGE}/particulars", _CHANGE, {"form": {"name": "Roof", "tags": "roof"}, "ok": 303}),
    (f"POST {_PAGE}/hardware", _CHANGE, {"form": {"imei": ""}, "ok": 303}),
    (f"POST {_PAGE}/sim", Right.SIMS_INSTALL, {"form": {"iccid": ""}, "ok": 303}),
    (f"POST {_PAGE}/gateway", _CHANGE, {"form": {"gateway": ""}, "ok": 303}),
    (f"POST {_PAGE}/names", _CHANGE, {"form": {"kind": "meter_address", "value": "7"}, "ok": 303}),
    (f"POST {_PAGE}/names/removal", _CHANGE, {"form": {"name": "code:{name}"}, "ok": 303}),
)  # fmt: skip

OF_SETS: tuple[Asked, ...] = (
    (f"GET {_SET}", Right.COLLECTIONS_READ, {}),
    (f"PATCH {_SET}", Right.COLLECTIONS_CHANGE, {"json": {"name": "Other"}}),
    (f"DELETE {_SET}", Right.COLLECTIONS_CHANGE, {}),
    (f"GET {_SET}/members", _READ, {}),
    (f"PATCH {_SET}/members", Right.COLLECTIONS_CHANGE, {"json": {"add": [], "remove": []}}),
    (f"GET {_SET_PAGE}", Right.COLLECTIONS_READ, {}),
    (f"POST {_SET_PAGE}/name", Right.COLLECTIONS_CHANGE, {"form": {"name": "Other"}, "ok": 303}),
    (f"POST {_SET_PAGE}/members", Right.COLLECTIONS_CHANGE, {"form": {"codes": ""}, "ok": 303}),
    (f"POST {_SET_PAGE}/deletion", Right.COLLECTIONS_CHANGE, {"ok": 303}),
)
