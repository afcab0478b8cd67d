"""What is taken by somebody else: an answer that does not say by whom, nor where words end up."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from foundation.settings import Settings
from tests.api.asked import check_words
from tests.api.conftest import asking
from tests.api.declared import ROUTES
from tests.api.parted import Parted
from tests.api.world import SUZHOU, World


async def registered(app: FastAPI, key: str, **body: Any) -> httpx.Response:
    """The answer to a terminal that is to be put on the roll in Suzhou."""
    whole = {"code": "NEW-1", "profile": "smart_meter", "region": SUZHOU} | body
    async with asking(app, key) as client:
        return await client.post("/api/v1/terminals", json=whole)


def told(answer: httpx.Response, *names: str) -> dict[str, Any]:
    """A problem without what was named in it and which occurrence it is."""
    problem: dict[str, Any] = answer.json() | {"instance": ""}
    for name in names:
        problem["detail"] = problem["detail"].replace(name, "NAME")
    return problem


async def test_a_taken_code_is_taken_whoever_has_it(house: World, app: FastAPI) -> None:
    """One's own and another's are one and the same 409: it names neither owner nor place."""
    own = await registered(app, house.keys["jiangsu"], code="METER-1")
    foreign = await registered(app, house.keys["jiangsu"], code="BUS-1")
    assert (own.status_code, own.json()["code"]) == (409, "terminal_code_taken")
    assert told(foreign, "BUS-1") == told(own, "METER-1")


async def test_a_taken_imei_is_taken_whoever_has_it(house: World, app: FastAPI) -> None:
    """The modem of another's terminal is answered as the modem of one's own."""
    imei = "490154203237518"  # in METER-1, of Jiangsu
    moved = {"code": "BUS-9", "profile": "smart_meter", "region": 330100, "imei": "356938035643809"}
    async with asking(app, house.keys["admin"]) as client:
        assert (await client.post("/api/v1/terminals", json=moved)).status_code == 201
    own = await registered(app, house.keys["jiangsu"], imei=imei)
    foreign = await registered(app, house.keys["jiangsu"], imei=moved["imei"])
    assert (own.status_code, own.json()["code"]) == (409, "imei_taken")
    assert told(foreign) == told(own)


async def test_a_name_that_is_taken_elsewhere_is_only_taken(house: World, app: FastAPI) -> None:
    """Of users a client's administrator learns that a name is in use, and nothing of whose."""
    body = {"name": "ada", "role": "client_viewer", "group_clients": ["hangzhou-transit"]}
    async with asking(app, house.keys["transit"]) as client:
        mine = await client.post("/api/v1/users", json=body | {"name": "mine"})
        again = await client.post("/api/v1/users", json=body | {"name": "mine"})
        foreign = await client.post("/api/v1/users", json=body)
    assert (mine.status_code, again.status_code) == (201, 409)
    assert told(foreign, "ada") == told(again, "mine")


async def test_no_word_of_anybody_reaches_logs_or_metrics(
    parted_country: Parted, capfd: pytest.CaptureFixture[str]
) -> None:
    """Everything is asked for once by who sees everything: neither log nor metric tells of it."""
    scraped = await _asked_for_everything(parted_country)
    logged = "".join(capfd.readouterr())
    nobody = parted_country.callers[0]

    assert "muster_api_request_seconds_count" in scraped
    check_words(parted_country.words, nobody, scraped, "metrics")
    check_words(parted_country.words, nobody, logged, "log")


async def _asked_for_everything(country: Parted) -> str:
    """Ask every route that reads, of everything there is; what `/metrics` says afterwards."""
    [admin] = [caller for caller in country.callers if caller.view == "everything"]
    settings = {"database_url": country.world.database.api, "second_factor": "off"}
    app = create_app(Settings.model_validate(settings))
    async with app.router.lifespan_context(app), asking(app, admin.key) as client:
        for ask in ROUTES:
            if ask.method == "GET" and not ask.fill:
                for name in ask.names.things or [""]:
                    path = ask.address.partition(" ")[2]
                    path, mark, query = path.partition("?")
                    head, brace, rest = path.partition("{")
                    path = head + (name + rest.partition("}")[2] if brace else "")
                    await client.get(path + mark + query.replace("{name}", name))
        return (await client.get("/metrics")).text
