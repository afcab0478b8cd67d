"""Asking the lines of `tests.api.declared`: by key or session, undone, compared and searched.

Every request is undone, so that each meets the same country (`tests.api.parted`), whatever the
ones before it asked for.
"""

import functools
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.app import create_app
from foundation.settings import Settings
from registry import regions
from registry.scope import PERSONAL
from tests.api.asks import OPEN, SIGNED_IN, Ask
from tests.api.conftest import asking
from tests.api.dealing import Word
from tests.api.parted import Caller, Parted
from tests.api.test_sign_in import sign_in


@dataclass(slots=True)
class Door:
    """The application, the cookies of who is signed in, and the SQL that it ran last."""

    app: FastAPI
    cookies: dict[str, str]
    statements: list[str]


@asynccontextmanager
async def open_doors(country: Parted, *database_urls: str) -> AsyncIterator[list[Door]]:
    """Applications with everybody signed in, and every transaction undone from then on."""
    settings = {"second_factor": "off", "secret_key": secrets.token_urlsafe(32)}
    statements: list[str] = []
    async with AsyncExitStack() as stack:
        doors = []
        for url in database_urls:
            application = create_app(Settings.model_validate(settings | {"database_url": url}))
            await stack.enter_async_context(application.router.lifespan_context(application))
            cookies = {
                caller.name: await _signed_in(application, caller)
                for caller in country.callers
                if caller.role is not None
            }
            doors.append(Door(application, cookies, statements))
        with pytest.MonkeyPatch.context() as patch:
            _undo_and_listen(patch, statements)
            # What is asked must not hang on when the tree of regions was read last.
            patch.setattr(regions, "KEPT_SECONDS", 0.0)
            yield doors


async def _signed_in(app: FastAPI, caller: Caller) -> str:
    async with asking(app) as client:
        answer = await sign_in(client, caller.name)
        assert answer.status_code == 303
        return client.cookies["muster_session"]


def _undo_and_listen(patch: pytest.MonkeyPatch, heard: list[str]) -> None:
    """Have psycopg roll every transaction back, and note what is executed."""
    begin, execute = psycopg.AsyncConnection.transaction, psycopg.AsyncCursor.execute

    @functools.wraps(begin)
    def begun(
        conn: psycopg.AsyncConnection[Any], name: str | None = None, force_rollback: bool = False
    ) -> AbstractAsyncContextManager[psycopg.AsyncTransaction]:
        outermost = conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        return begin(conn, name, force_rollback or outermost)

    @functools.wraps(execute)
    async def listened(
        cursor: psycopg.AsyncCursor[Any], query: Any, *args: Any, **kwargs: Any
    ) -> psycopg.AsyncCursor[Any]:
        heard.append(query if isinstance(query, str) else repr(query))
        return await execute(cursor, query, *args, **kwargs)

    patch.setattr(psycopg.AsyncConnection, "transaction", begun)
    patch.setattr(psycopg.AsyncCursor, "execute", listened)


async def check(ask: Ask, callers: Sequence[Caller], words: Sequence[Word], door: Door) -> None:
    """Each caller is answered as declared, with no word of anybody else's.

    Foreign and absent are one answer, by the same statements.
    """
    for caller, by_session in _ways(ask, callers):
        refused: dict[tuple[Any, ...], str] = {}
        for name in _named(ask, caller, by_session=by_session):
            answer, request = await _ask(door, ask, caller, name, by_session=by_session)
            said = f"{caller.name} asks {ask.address} of {name}"
            expected = _expected(ask, caller, name, by_session=by_session)
            assert _verdict(answer) == expected, f"{said}: {answer.text[:600]}"
            check_words(words, caller, answer.text + str(answer.headers), f"{said} {request}")
            if expected != ask.expected:
                refused.setdefault(_seen(answer, name, door), said)
        if len(refused) > 1:
            (one, first), (other, second), *_ = refused.items()
            differing = [pair for pair in zip(one, other, strict=False) if pair[0] != pair[1]]
            pytest.fail(f"{first} and {second}, and the answers differ: {differing}", pytrace=False)


def _ways(ask: Ask, callers: Sequence[Caller]) -> list[tuple[Caller, bool]]:
    """Who asks, and whether by a session: pages; what only people do by a session and by a key."""
    by_key = [] if ask.is_page else [(caller, False) for caller in callers]
    by_session = ask.is_page or ask.needs in PERSONAL
    return by_key + [(caller, True) for caller in callers if by_session]


def _named(ask: Ask, caller: Caller, *, by_session: bool) -> list[str | None]:
    """What to ask about: everything there is of the kind, and what is not there.

    Who may not ask at all is asked with one of each.
    """
    if not ask.names.things:
        return [None]
    things = list(ask.names.things)
    if _expected(ask, caller, None, by_session=by_session) != ask.expected:
        things = things[:1]
    return [*things, *dict.fromkeys(_absent(thing) for thing in things)]


def _absent(name: str) -> str:
    """A name that nothing has, as long as another."""
    if re.search(r"[g-zG-Z]", name):
        return "q" * len(name)
    return re.sub(r"[0-9a-f]", "9", name)  # a number or a UUID


def _expected(ask: Ask, caller: Caller, name: str | None, *, by_session: bool) -> int | str:
    """The status of the answer, or `sign in` where a page sends its visitor to do that."""
    if ask.needs == OPEN:
        return ask.expected
    if caller.role is None:
        return "sign in" if ask.is_page and ask.method == "GET" else 401
    rights = caller.rights | (PERSONAL if by_session else frozenset())
    if ask.needs != SIGNED_IN and ask.needs not in rights:
        return 403
    if name is None:
        return ask.expected
    viewers = ask.names.things.get(name)
    return (
        404 if viewers is None or ask.names.personal or not caller.sees(viewers) else ask.expected
    )


def _verdict(answer: httpx.Response) -> int | str:
    to_sign_in = answer.headers.get("location", "").startswith("/signin?")
    return "sign in" if answer.status_code == 303 and to_sign_in else answer.status_code


async def _ask(
    door: Door, ask: Ask, caller: Caller, name: str | None, *, by_session: bool
) -> tuple[httpx.Response, str]:
    """The answer, and the text of the request, whose words it may repeat."""
    filled = {"name": name or "", "city": str(int(caller.city))}
    method, _, address = ask.address.partition(" ")
    template, mark, query = address.partition("?")
    for given, value in ask.fill.items():
        template = template.replace(f"{{{given}}}", value)
    path = re.sub(r"\{[^}]+\}", name or "", template, count=1) + mark + query
    path = path.replace("{name}", filled["name"])
    body = _filled(ask.json, filled)
    form = _filled(ask.form, filled)
    async with asking(door.app, None if by_session else caller.key) as client:
        if by_session and caller.name in door.cookies:
            client.cookies.set("muster_session", door.cookies[caller.name])
        await door.app.state.attempts.flush()  # what is refused is refused for the first time
        door.statements.clear()
        answer = await client.request(method, path, json=body, data=form)
    return answer, f"{path} {body} {form}"


def _filled(given: Any, values: dict[str, str]) -> Any:
    """A body with its places filled; a region's code is a number in JSON."""
    if given == "{city}":
        return int(values["city"])
    if isinstance(given, str):
        return given.replace("{name}", values["name"])
    if isinstance(given, list):
        return [_filled(each, values) for each in given]
    if isinstance(given, Mapping):
        return {key: _filled(value, values) for key, value in given.items()}
    return given


_OF_THE_REQUEST = re.compile(
    rb"urn:uuid:[0-9a-f-]{36}|\d{4}-\d\d-\d\dT[0-9:.]+Z?|[0-9a-f]{8}-[0-9a-f-]{27}"
)
_NEVER_THE_SAME = {"x-request-id", "ratelimit", "ratelimit-policy", "set-cookie"}


def _seen(answer: httpx.Response, name: str | None, door: Door) -> tuple[Any, ...]:
    """All that tells one refusal from another, without what was asked for and when.

    Of the SQL it is the statements: what the same statements cost is the same to a stranger.
    """
    headers = {k: v for k, v in answer.headers.items() if k not in _NEVER_THE_SAME}
    headers["content-length"] = str(int(headers["content-length"]) - len(answer.content))
    told = _OF_THE_REQUEST.sub(b"", answer.content).decode()
    if name is not None:
        told = told.replace(name, "NAME")
        headers = {k: v.replace(name, "NAME") for k, v in headers.items()}
    return answer.status_code, *told.splitlines(), str(headers), *door.statements


def check_words(words: Sequence[Word], caller: Caller, told: str, request: str) -> None:
    """No word that this caller may not meet is told, but what the request said itself."""
    met = [
        word.text
        for word in words
        if word.text in told and word.text not in request and not caller.may_meet(word)
    ]
    assert met == [], f"{caller.name} meets {met} of others: {request[:300]}"
