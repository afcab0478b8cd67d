"""The payload inspector: what some bytes say, or where they go wrong."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api import problems
from api.console.pages.screen import Screen, Shows
from api.inspecting import inspected
from foundation.errors import MusterError
from registry import profiles, terminals
from registry.codecs import CODECS
from registry.scope import Right

router = APIRouter(prefix="/decode")

MOST_CHARACTERS = 8_000  # of an address that can be sent to somebody


@router.get("")
async def decode(
    screen: Annotated[Screen, Shows(Right.PROFILES_READ)],
    payload: Annotated[str, Query(max_length=MOST_CHARACTERS)] = "",
    form: Annotated[str, Query(pattern="^(hex|base64|text)$")] = "hex",
    by: Annotated[str, Query(max_length=80)] = "codec:json",
    lenient: Annotated[bool, Query()] = False,
) -> Response:
    """The form and, when a payload is given, what it says; the address can be sent to others."""
    kind, _colon, name = by.partition(":")
    told: dict[str, Any] | None = None
    problem = None
    if payload:
        options = {"lenient": True} if lenient and kind == "codec" else {}
        try:
            if kind == "terminal":
                found = await terminals.find(screen.conn, screen.scope, name)
                kind, name = "profile", found.profile_code
            told = await inspected(
                screen.conn,
                screen.scope,
                payload,
                form,
                name if kind == "profile" else None,
                name if kind == "codec" else None,
                options,
            )
        except MusterError as error:
            problem = problems.of_error(error)
    return screen.show(
        "decode.html",
        status=problem.status if problem else 200,
        payload=payload,
        form=form,
        by=by,
        lenient=lenient,
        told=told,
        problem=problem,
        codecs=sorted(CODECS),
        profiles=await profiles.list_all(screen.conn, screen.scope),
    )
