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
        " Times are RFC 3339 in UTC."
    ),
    "license_info": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}


def _problem(description: str) -> dict[str, Any]:
    # Named here rather than as `model`, which would promise application/json.
    schema = {"$ref": f"#/components/schemas/{ProblemBody.__name__}"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


def complete(app: FastAPI) -> None:
    """Have the description hold the shape of problems, which no route answers when all is well."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        document = describe()
        inner = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = document["components"]["schemas"]
        schemas.update(inner.pop("$defs", {}))
        schemas[ProblemBody.__name__] = inner
        return document

    app.openapi = described  # type: ignore[method-assign]


PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: _problem("No key or session in force"),
    403: _problem("Your role lacks the right"),
    404: _problem("No such thing, or not in your scope"),
    409: _problem("The state of things does not allow it"),
    422: _problem("The request does not fit"),
    503: _problem("A part that this needs does not answer now"),
}
