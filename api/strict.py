"""Routes that take only what they declare."""

import json
from collections.abc import Callable, Coroutine
from email.message import Message
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Form, Query
from fastapi.routing import APIRoute

from api import idempotency
from api.errors import BodyUnexpected, BodyUnreadable, MediaTypeUnsupported, QueryUnknown
from api.idempotency import Replayed

HISTORY_FROM = "Muster-History-From"
"""Says before which instant an answer shows nothing of what was, because of the client's tier."""
_PLAIN_CHARSETS = ("utf-8", "utf8", "us-ascii")


class StrictRoute(APIRoute):
    """A route that refuses what it does not declare, and what can be read in two ways.

    Query parameters that it does not know or that are given twice; a body where it takes none; a
    body that is not JSON in UTF-8, or in which a name occurs twice. What a creation with an
    Idempotency-Key answers is kept here, before its transaction ends.
    """

    takes_file = False
    """Whether the route reads a body of its own that it does not declare, as it comes."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        known = {
            field.alias
            for field in get_flat_params(self.dependant)
            if isinstance(field.field_info, Query)
        }
        body = self.body_field
        takes_json = body is not None and not isinstance(body.field_info, Form)

        async def checked(request: Request) -> Response:
            given = [name for name, _ in request.query_params.multi_items()]
            refused = {name for name in given if name not in known or given.count(name) > 1}
            if refused:
                raise QueryUnknown(sorted(refused))
            if body is None and not self.takes_file and await request.body():
                raise BodyUnexpected
            if takes_json:
                request = _JsonRequest(request.scope, request.receive)
                if await request.body():
                    _check_media_type(request)
                    await request.json()
            try:
                response = await answer(request)
            except Replayed as replayed:
                return replayed.answer
            since = getattr(request.state, "history_from", None)
            if since is not None:
                response.headers[HISTORY_FROM] = since.isoformat(timespec="seconds")
            creation = idempotency.creation(request)
            if creation is not None:
                await creation.keep(response)
            return response

        return checked


class UploadRoute(StrictRoute):
    """A route that takes a file, which it reads as it comes."""

    takes_file = True


class _JsonRequest(Request):
    """A request whose body is JSON that everybody reads alike."""

    async def json(self) -> Any:
        if not hasattr(self, "_parsed"):
            self._parsed = unambiguous(await self.body())
        return self._parsed


def unambiguous(text: bytes) -> Any:
    """The value of JSON; BodyUnreadable where two readers could take it for different ones.

    Refused are names that occur twice, NaN and infinities, halves of surrogate pairs, other
    encodings than UTF-8, and nesting that a recursive reader would fall over.
    """
    try:
        orjson.loads(text)  # knows all of it but names that occur twice
        return json.loads(text, object_pairs_hook=_once, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BodyUnreadable from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise BodyUnreadable("The body has an object in which a name occurs twice.")
    return value


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise BodyUnreadable("The body has a number beyond all that can be stored.")
    return value


def _check_media_type(request: Request) -> None:
    message = Message()
    message["content-type"] = request.headers.get("content-type", "")
    is_json = message.get_content_type() == "application/json"
    charset = str(message.get_param("charset", "utf-8")).lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if not is_json or charset not in _PLAIN_CHARSETS or encoding != "identity":
        raise MediaTypeUnsupported
