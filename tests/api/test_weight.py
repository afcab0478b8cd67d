"""What a browser loads for a first view, in bytes as they are sent."""

import re
from urllib.parse import urljoin

import httpx
from fastapi import FastAPI

from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import World

MOST_BYTES = 250_000
_LOADED = re.compile(r'(?:src|href)="(/assets/[^"]+)"')
_IMPORTED = re.compile(r'(?:from|import) ?"(\.[^"]+)"')


async def sent(client: httpx.AsyncClient, path: str) -> tuple[int, str]:
    """The bytes that go over the wire, and the text that they are."""
    async with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join([piece async for piece in answer.aiter_raw()])
        assert answer.status_code == 200, path
        plain = httpx.Response(200, headers=answer.headers, content=raw).text
    return len(raw), plain


async def weigh(client: httpx.AsyncClient, path: str) -> dict[str, int]:
    """A page and all that it loads, modules by modules as well, by address."""
    weights: dict[str, int] = {}
    waiting = [path]
    while waiting:
        address = waiting.pop()
        if address in weights:
            continue
        weights[address], text = await sent(client, address)
        imported = _IMPORTED.findall(text) if address.endswith(".js") else []
        loaded = _LOADED.findall(text) if address == path else []
        waiting += [urljoin(address, found) for found in imported] + loaded
    return weights


async def test_a_first_view_is_light(house: World, app: FastAPI) -> None:
    """A page with every style and script that it names, compressed, on a cold cache."""
    house.enrol(f"ROW-{k:02d}" for k in range(40))
    async with asking(app) as person:
        signing_in = await weigh(person, "/signin")
        await sign_in(person, "ada")
        views = [
            await weigh(person, path)
            for path in ("/", "/terminals", "/terminals/METER-1", "/charts", "/platform")
        ]
    for weights in (signing_in, *views):
        assert len(weights) > 3
        assert sum(weights.values()) < MOST_BYTES, weights


async def test_assets_are_compressed_for_who_takes_it(app: FastAPI) -> None:
    """The same bytes either way, and a cache between is told that they differ."""
    address = app.state.renderer.assets.address("console.css")
    async with asking(app) as anybody:
        plain = await anybody.get(address, headers={"Accept-Encoding": "identity"})
        packed = await anybody.get(address, headers={"Accept-Encoding": "gzip"})
    assert (plain.content, plain.headers.get("content-encoding")) == (packed.content, None)
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == (
        "gzip",
        "Accept-Encoding",
    )
    assert int(packed.headers["content-length"]) < len(plain.content) / 3
