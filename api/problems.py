"""Errors as RFC 9457 problem details: the only place that knows HTTP statuses of errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.errors import (
    BodyUnreadable,
    HeadersTooLarge,
    MediaTypeUnsupported,
    NoSuchAddress,
    QueryUnknown,
    TooMany,
    Unreadable,
    VersionChanged,
)
from foundation.errors import Invalid, MusterError, NotFound, NotPermitted, Refused, Unavailable
from registry.errors import NotSignedIn
from registry.profile_document import ProfileInvalid

MEDIA_TYPE = "application/problem+json"

# The first family that an error belongs to decides.
_STATUSES: tuple[tuple[type[MusterError], int], ...] = (
    (NotSignedIn, 401),
    (TooMany, 429),
    (HeadersTooLarge, 431),
    (MediaTypeUnsupported, 415),
    (Unreadable, 400),
    (NotPermitted, 403),
    (NotFound, 404),
    (Invalid, 422),
    (VersionChanged, 412),
    (Refused, 409),
    (Unavailable, 503),
)
_OF_HTTP = {
    400: ("body_unreadable", "The body cannot be read.", "Send it whole, as its type says."),
    404: (NoSuchAddress.code, "There is nothing at this address.", NoSuchAddress.remedy),
    405: ("method_not_allowed", "This address does not take this method.", "See /openapi.json."),
    416: (
        "range_unsatisfiable",
        "The file has no such bytes.",
        "See Content-Range for its length.",
    ),
    408: ("body_stalled", "The rest of the body did not come.", "Send it without a pause."),
    413: ("body_too_large", "The body is larger than 1 MiB.", "Send it in smaller parts."),
}
_RETRY_SECONDS = 5


class ProblemField(BaseModel):
    """One offending place: `pointer` (RFC 6901) into the body, or the name of a `parameter`."""

    pointer: str | None = Field(None, examples=["#/metrics/0/unit"])
    parameter: str | None = Field(None, examples=["limit"])
    detail: str = Field(examples=["Input should be a valid integer"])


class ProblemBody(BaseModel):
    """What every refusal looks like (RFC 9457); `code` is stable, `detail` is for people."""

    type: str = Field("about:blank", examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no terminal named METER-7."])
    instance: str = Field(
        description="This occurrence, as in the log and in X-Request-Id.",
        examples=["urn:uuid:6f3c2b1e-8a5d-4f0e-9b7a-2d1c0e9f8a7b"],
    )
    code: str = Field(examples=["not_found"])
    remedy: str = Field(examples=["Check the name, and whether it is in your scope."])
    errors: list[ProblemField] = []


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal as both doors, JSON and console, show it."""

    status: int
    code: str
    detail: str
    remedy: str
    errors: Sequence[Mapping[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return HTTPStatus(self.status).phrase


def of_error(error: MusterError, *, in_query: bool = False) -> Problem:
    """The problem that an error of ours is; what is not the caller's business stays in the log.

    An offending field is a parameter of the query where the request is one, else a place in the
    body.
    """
    status = next((status for family, status in _STATUSES if isinstance(error, family)), 500)
    if status == 500:
        return INTERNAL
    headers: dict[str, str] = {}
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = 'Bearer realm="muster"'
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(error.wait_seconds)
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(_RETRY_SECONDS)
    return Problem(
        status, error.code, str(error), error.hint, _places(error, in_query=in_query), headers
    )


INTERNAL = Problem(
    500,
    MusterError.code,
    "Something went wrong in Muster, and it is not your fault.",
    "Try again; if it happens again, give an administrator the number of this request.",
)


def of_http(error: HTTPException) -> Problem:
    """The problem that the framework's own refusal (no route, wrong method, body too large) is."""
    fallback = ("http_error", f"{HTTPStatus(error.status_code).phrase}.", "See /openapi.json.")
    code, detail, remedy = _OF_HTTP.get(error.status_code, fallback)
    return Problem(error.status_code, code, detail, remedy, headers=error.headers or {})


def of_validation(error: RequestValidationError) -> Problem:
    """The problem that a request which does not fit its schema is; never shows what was sent."""
    places = [_place(fault) for fault in error.errors()]
    return Problem(
        422,
        "request_invalid",
        "The request does not fit what this address takes.",
        "Correct the named places; /openapi.json describes each.",
        places,
    )


def response(problem: Problem, request_id: str) -> Response:
    """The problem as an HTTP answer."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"urn:uuid:{request_id}",
        "code": problem.code,
        "remedy": problem.remedy,
        "errors": list(problem.errors),
    }
    return Response(orjson.dumps(body), problem.status, dict(problem.headers), MEDIA_TYPE)


def _places(error: MusterError, *, in_query: bool) -> list[dict[str, str]]:
    if isinstance(error, QueryUnknown):
        why = "there is no such parameter, or it is given twice"
        return [{"parameter": name, "detail": why} for name in error.names]
    if isinstance(error, BodyUnreadable):
        return [{"pointer": "#", "detail": str(error)}]
    if isinstance(error, ProfileInvalid):
        return [{"pointer": _pointer(f.path.split(".")), "detail": f.why} for f in error.faults]
    if isinstance(error, Invalid) and error.field and in_query:
        return [{"parameter": error.field, "detail": str(error)}]
    if isinstance(error, Invalid) and error.field:
        return [{"pointer": _pointer(error.field.split(".")), "detail": str(error)}]
    return []


def _place(fault: Mapping[str, Any]) -> dict[str, str]:
    where, *path = fault["loc"]
    if where != "body":
        return {"parameter": ".".join(map(str, path)), "detail": fault["msg"]}
    if fault["type"] == "json_invalid":  # `path` is then an offset into the text
        return {"pointer": "#", "detail": "this is not JSON"}
    return {"pointer": _pointer(path), "detail": fault["msg"]}


def _pointer(path: Sequence[object]) -> str:
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return "#" + "".join(f"/{part}" for part in escaped)
