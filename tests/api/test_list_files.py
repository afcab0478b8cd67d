"""Lists as files: every row that the filters of a page find, to those who may see the page."""

import csv
import html
import io
import re

import httpx
import pytest
from fastapi import FastAPI

from api import streamed
from api.console.pages import sheets
from telemetry.model import Reason
from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import POWER, World, minutes_ago

# The lists of the console, with the column that names their rows.
LISTS = {
    "/alarms": "id",
    "/api-keys": "prefix",
    "/audit": "id",
    "/bindings": "iccid",
    "/bindings/requests": "id",
    "/book?list=files": "group_client",
    "/book?list=rivals": "group_client",
    "/book?list=silent": "group_client",
    "/book?list=usage": "group_client",
    "/collections": "name",
    "/exports": "id",
    "/group-clients": "code",
    "/imports": "id",
    "/legal-holds": "id",
    "/notifications": "name",
    "/quarantine": "id",
    "/rules": "name",
    "/sims": "iccid",
    "/terminals": "code",
    "/terminals/METER-1/events": "code",
    "/transfers": "id",
    "/users": "name",
}


async def rows_of(client: httpx.AsyncClient, address: str) -> list[dict[str, str]]:
    """The rows of the file of a list, and that it is one."""
    answer = await client.get(f"{address}{'&' if '?' in address else '?'}file=csv")
    assert answer.status_code == 200, (address, answer.text)
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))


async def test_every_list_is_a_file_under_its_own_address(house: World, app: FastAPI) -> None:
    """Where a page has rows it links to the file, which has as many, named as the API does."""
    house.refused("METER-1", Reason.MALFORMED, b"{")
    house.happened("METER-1", minutes_ago(5), "last_gasp", severity="major")
    async with asking(app) as client:
        await sign_in(client)
        for address, column in LISTS.items():
            page = (await client.get(address)).text
            rows = await rows_of(client, address)
            assert all(row[column] for row in rows), address
            links = re.findall(r'href="([^"]*file=csv)" download', page)
            assert len(links) >= bool(rows), address
            for link in links:
                assert await rows_of(client, html.unescape(link).removesuffix("&file=csv")) == rows
        everybody = {row["code"] for row in await rows_of(client, "/terminals")}
    async with asking(app) as client:
        await sign_in(client, "pei")
        own = {row["code"] for row in await rows_of(client, "/terminals")}
        audit = await client.get("/audit?file=csv")
    assert own == {"METER-1", "METER-2", "METER-3"}
    assert own < everybody
    assert audit.status_code == 403


async def test_a_file_keeps_the_filter_and_runs_nothing(
    house: World, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are the filter's, read in batches; what is refused is refused as on the page; at
    the bound the last line says so; a name that a spreadsheet would run is escaped.
    """
    monkeypatch.setattr(streamed, "ROWS_AT_ONCE", 2)
    async with asking(app) as client:
        await sign_in(client)
        everything = await rows_of(client, "/terminals")
        one = await rows_of(client, f"/terminals?client={POWER}&state=registered&after=x")
        short = await client.get("/terminals?q=M&file=csv")
        table = await client.get("/terminals?file=xlsx")
        made = await client.post("/collections/new", data={"name": "=1+1", "by": "hand"})
        named = await rows_of(client, "/collections")
        monkeypatch.setattr(sheets, "MOST_ROWS", 3)
        cut = await rows_of(client, "/terminals")
    assert {row["code"] for row in everything} >= {"METER-1", "BUS-1", "OLD-1"}
    assert everything[0]["registered_at"].endswith("Z")
    assert everything[0]["presence.data"] in {"never", "silent", "online"}
    assert [row["code"] for row in one] == ["METER-3"]
    assert "text/html" in short.headers["content-type"]
    assert table.content.startswith(b"PK")
    assert made.status_code == 303
    assert [row["name"] for row in named] == ["'=1+1"]
    assert [row["code"] for row in cut[:3]] == [row["code"] for row in everything[:3]]
    assert len(cut) == 4
    assert "more than 3 rows" in cut[3]["code"]
