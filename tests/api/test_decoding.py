"""The payload inspector, by route and page: the bridge's own reading, and nothing of it kept."""

import httpx
import pytest
from fastapi import FastAPI

from tests.api.conftest import asking
from tests.api.world import World

METER = b'{"ts": 1790000000000, "voltage_a": 231.2, "voltage_b": "high"}'


async def asked(app: FastAPI, key: str, **body: object) -> httpx.Response:
    """The answer to a payload."""
    async with asking(app, key) as client:
        return await client.post("/api/v1/decode", json=body)


async def test_a_payload_is_read_by_a_profile(house: World, app: FastAPI) -> None:
    """With the profile's codec; a viewer of a client may ask, too."""
    answer = await asked(app, house.keys["transit"], payload=METER.hex(), profile="smart_meter")
    [said] = answer.json()["said"]

    assert answer.status_code == 200
    assert said["readings"][0]["values"] == {"voltage_a": 231.2, "voltage_b": "high"}
    assert said["readings"][0]["time"] == "2026-09-21T14:13:20+00:00"


async def test_a_payload_that_cannot_be_read_is_no_error(house: World, app: FastAPI) -> None:
    """The answer says at which byte it goes wrong."""
    answer = await asked(app, house.keys["admin"], payload="7e0002", codec="jt808")

    assert answer.status_code == 200
    assert answer.json()["refusal"]["reason"] == "malformed"
    assert answer.json()["refusal"]["position"] == 3


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"payload": "00"}, 422),
        ({"payload": "00", "codec": "json", "profile": "smart_meter"}, 422),
        ({"payload": "0", "codec": "json"}, 422),
        ({"payload": "00", "codec": "xml"}, 422),
        ({"payload": "00", "codec": "json", "options": {"lenient": True}}, 422),
        ({"payload": "00", "profile": "smart_meter", "options": {"lenient": True}}, 422),
        ({"payload": "00", "profile": "nothing"}, 404),
    ],
)
async def test_what_cannot_be_asked_is_refused(
    house: World, app: FastAPI, body: dict[str, object], status: int
) -> None:
    """Neither a codec nor a profile, both, or one that there is not."""
    assert (await asked(app, house.keys["admin"], **body)).status_code == status
