"""Routes that take only what they declare."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute

from api import idempotency
from api.errors import QueryUnknown
from api.idempotency import Replayed


class StrictRoute(APIRoute):
    """A route that refuses query parameters it does not declare, and ones given twice.

    What a creation with an Idempotency-Key answers is kept here, before its transaction ends.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        known = {
            field.alias
            for field in get_flat_params(self.dependant)
            if isinstance(field.field_info, Query)
        }

        async def checked(request: Request) -> Response:
            given = [name for name, _ in request.query_params.multi_items()]
            refused = {name for name in given if name not in known or given.count(name) > 1}
            if refused:
                raise QueryUnknown(sorted(refused))
            try:
                response = await answer(request)
            except Replayed as replayed:
                return replayed.answer
            creation = idempotency.creation(request)
            if creation is not None:
                await creation.keep(response)
            return response

        return checked
