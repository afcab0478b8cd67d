"""Terminals' certificates by the API: signed from a request, listed, revoked."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from cryptography import x509

from api.app import create_app
from foundation.settings import Settings
from registry.authority import Authority
from tests.api.conftest import asking
from tests.api.world import PASSWORD, World
from tests.registry.requests import request_of

PATH = "/api/v1/terminals/METER-1/certificates"


@pytest.fixture
async def client(house: World, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Jiangsu's operator, where there is an authority."""
    Authority.make(tmp_path / "ca", datetime.now(UTC))
    given = {"database_url": house.database.api, "second_factor": "off"}
    app = create_app(Settings.model_validate(given | {"terminal_ca": tmp_path / "ca"}))
    async with app.router.lifespan_context(app), asking(app, house.keys["jiangsu"]) as opened:
        yield opened


async def test_a_request_is_signed_found_and_revoked(client: httpx.AsyncClient) -> None:
    """Once for each key of idempotency; the list then says when and why it was revoked."""
    body = {"csr": request_of("METER-1"), "days": 7}
    once = {"Idempotency-Key": "8c4f1f0e-1111-4a6f-9d0e-0a8b7c6d5e4f"}

    issued = await client.post(PATH, json=body, headers=once)
    again = await client.post(PATH, json=body, headers=once)
    place = issued.headers["location"]
    revoked = await client.delete(f"{place}?reason=key_compromise")
    twice = await client.delete(place)
    listed = (await client.get(PATH)).json()["items"]

    assert (issued.status_code, again.json()) == (201, issued.json())
    leaf = x509.load_pem_x509_certificate(issued.json()["pem"].encode())
    told = issued.json()["certificate"]
    assert place == f"{PATH}/{leaf.serial_number:x}" == f"{PATH}/{told['serial']}"
    assert (revoked.status_code, twice.status_code) == (204, 404)
    assert [one["serial"] for one in listed] == [told["serial"]]
    assert (told["revoked_at"], listed[0]["reason"]) == (None, "key_compromise")
    assert (await client.get(place)).json() == listed[0]


async def test_a_request_that_cannot_be_signed_says_why(client: httpx.AsyncClient) -> None:
    """Another terminal's name, no request at all, and more days than there may be."""
    wrong = [
        await client.post(PATH, json={"csr": request_of("METER-2")}),
        await client.post(PATH, json={"csr": "none"}),
        await client.post(PATH, json={"csr": request_of("METER-1"), "days": 398}),
    ]

    codes = [(answer.status_code, answer.json()["code"]) for answer in wrong]
    assert codes == [(422, "csr_unusable"), (422, "csr_unusable"), (422, "request_invalid")]
    assert wrong[0].json()["errors"][0]["pointer"] == "#/csr"


async def test_a_terminal_is_cut_off_whole(client: httpx.AsyncClient) -> None:
    """Taking its credential takes its certificates, too; when is told of both."""
    await client.post(PATH, json={"csr": request_of("METER-1")})

    await client.delete("/api/v1/terminals/METER-1/credential")

    [certificate] = (await client.get(PATH)).json()["items"]
    password = (await client.get("/api/v1/terminals/METER-1/credential")).json()
    assert certificate["revoked_at"] == password["revoked_at"] is not None


async def test_people_sign_and_revoke_on_a_page(client: httpx.AsyncClient, house: World) -> None:
    """A pasted request gives the certificate, a wrong one the page again; then it is revoked."""
    client.headers.pop("Authorization")
    signed_in = await client.post("/signin", data={"name": "ada", "password": PASSWORD})
    assert signed_in.status_code == 303
    page = "/terminals/METER-1"

    wrong = await client.post(f"{page}/certificates", data={"csr": "none", "days": "7"})
    made = await client.post(
        f"{page}/certificates", data={"csr": request_of("METER-1"), "days": "7"}
    )
    [(serial,)] = _read(house, "select serial from registry.certificate")
    shown = await client.get(f"{page}/access")
    revoked = await client.post(
        f"{page}/certificates/{serial}/revocation", data={"reason": "superseded"}
    )
    after = await client.get(f"{page}/access")
    cut = await client.post(f"{page}/cut-off")

    assert (wrong.status_code, "no certificate request" in wrong.text) == (422, True)
    assert (made.status_code, "BEGIN CERTIFICATE" in made.text) == (200, True)
    assert serial in shown.text
    assert "replaced by another" not in shown.text.partition("<table")[0]
    assert (revoked.status_code, cut.status_code) == (303, 303)
    assert "revoked" in after.text.partition(serial)[2]
    assert _read(house, "select count(*) from registry.credential where revoked_at is null"
                        " and terminal_id = (select id from registry.terminal"
                        " where code = 'METER-1')") == [(0,)]  # fmt: skip


def _read(house: World, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(house.database.superuser) as conn:
        return conn.execute(query.encode()).fetchall()
