"""What may be asked of clients' files and of tiers, by whom; as in `tests.api.declared_lives`."""

from typing import Any

from registry.scope import Right

_OF = "/api/v1/group-clients/{code}/file"
_PAGE = "/group-clients/{code}"
_READ, _KEEP = Right.CLIENT_FILES_READ, Right.CLIENT_FILES_KEEP
_CHANGE = Right.GROUP_CLIENTS_CHANGE
_EVIDENCE = {"name": "licence.pdf", "sha256": "cd" * 32}

Asked = tuple[str, Right, dict[str, Any]]

OF_FILES: tuple[Asked, ...] = (
    (f"GET {_OF}", _READ, {}),
    (f"PATCH {_OF}", _KEEP, {"json": {"needs": "more"}}),
    (f"PATCH {_OF}", _CHANGE, {"json": {"watched": True, "value_grade": "B"}}),
    (f"GET {_OF}/moves", _READ, {}),
    (f"POST {_OF}/moves", _KEEP, {"json": {"state": "filed"}}),
    (f"POST {_OF}/moves", _CHANGE, {"json": {"state": "closed", "reason": "gone"}}),
    (f"POST {_OF}/moves", Right.CLIENT_FILES_VERIFY, {"json": {"state": "due"}, "ok": 409}),
    (f"POST {_OF}/moves", Right.GROUP_CLIENTS_REGISTER,
     {"json": {"state": "surveyed", "reason": "back"}, "ok": 409}),
    (f"GET {_OF}/standings", _READ, {}),
    (f"POST {_OF}/standings", _CHANGE, {"json": {"standing": "lost", "reason": "price"}}),
    (f"GET {_OF}/evidence", _READ, {}),
    (f"POST {_OF}/evidence", _KEEP, {"json": _EVIDENCE}),
    (f"GET {_PAGE}/file", _READ, {}),
    (f"POST {_PAGE}/file/survey", _KEEP, {"form": {"needs": "more"}, "ok": 303}),
    (f"POST {_PAGE}/file/worth", _CHANGE, {"form": {"watched": "true"}, "ok": 303}),
    (f"POST {_PAGE}/file/moves", _KEEP, {"form": {"state": "filed"}, "ok": 303}),
    (f"POST {_PAGE}/file/standings", _CHANGE, {"form": {"standing": "lost"}, "ok": 303}),
    (f"POST {_PAGE}/file/evidence", _KEEP, {"form": _EVIDENCE, "ok": 303}),
)  # fmt: skip

OF_TIERS: tuple[Asked, ...] = (
    ("GET /api/v1/tiers/{code}", Right.TIERS_READ, {}),
    ("PATCH /api/v1/tiers/{code}", Right.TIERS_CHANGE, {"json": {"terminal_quota": 70000}}),
)
