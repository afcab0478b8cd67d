"""What `/openapi.json` says beside the routes themselves."""

from typing import Any

from fastapi import FastAPI

from api.metrics import installed_version
from api.problems import MEDIA_TYPE, ProblemBody

DESCRIPTION: dict[str, Any] = {
    "title": "Muster",
    "version": installed_version(),
    "summary": "Every terminal and every message accounted for.",
    "description": (
        "Send an API key as `Authorization: Bearer <key>`. What you see is your scope: what lies"
        " outside it answers as if it did not exist. Refusals are problem details (RFC 9457) with"
        " a stable `code`. Lists page by key: follow `Link: rel=next`, or send `next` as `after`."
        " Times are RFC 3339 in UTC. Send a fresh `Idempotency-Key` with what creates, and the"
        " `ETag` of what you read as `If-Match` with what changes it. `RateLimit` says what is left"
        " of what you may ask; docs/reference/api-conventions.md says it all."
    ),
    "license_info": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}


_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "schema": {"type": "integer", "minimum": 1},
    }
}


def _problem(description: str, **more: Any) -> dict[str, Any]:
    # Named here rather than as `model`, which would promise application/json.
    schema = {"$ref": f"#/components/schemas/{ProblemBody.__name__}"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}, **more}


def complete(app: FastAPI) -> None:
    """Have the description hold the shape of problems, and those that no route declares itself."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        document = describe()
        inner = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = document["components"]["schemas"]
        schemas.update(inner.pop("$defs", {}))
        schemas[ProblemBody.__name__] = inner
        for methods in document["paths"].values():
            for method, operation in methods.items():
                for status, problem in _of_its_kind(method, operation).items():
                    operation["responses"].setdefault(status, problem)
        return document

    app.openapi = described  # type: ignore[method-assign]


def _of_its_kind(method: str, operation: dict[str, Any]) -> dict[str, Any]:
    """The problems that an operation can answer because of what it takes, by status."""
    problems = {
        "400": _problem("The request cannot be read"),
        "429": _problem("More is asked than anybody may", headers=_RETRY_AFTER),
        "431": _problem("The headers are larger than 32 KiB"),
    }
    takes = {parameter["name"] for parameter in operation.get("parameters", ())}
    if takes - {"accept"}:
        problems["422"] = _problem("The request does not fit")
    if method != "get":
        problems["409"] = _problem("The state of things does not allow it")
    if "if-match" in takes:
        problems["412"] = _problem("It was changed since the version that If-Match names")
    if "requestBody" in operation:
        problems["408"] = _problem("The rest of the body did not come")
        problems["413"] = _problem("The body is larger than 1 MiB")
        problems["415"] = _problem("The body is not JSON in UTF-8")
    return problems


PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: _problem("No key or session in force"),
    403: _problem("Your role lacks the right"),
    404: _problem("No such thing, or not in your scope"),
    422: _problem("The request does not fit"),
    503: _problem("A part that this needs does not answer now", headers=_RETRY_AFTER),
}
"""What every route that asks who you are can answer."""
