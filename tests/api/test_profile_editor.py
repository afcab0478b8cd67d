"""The editor of device profiles: a payload is tried before anything is made, faults have places."""

import inspect

from fastapi import FastAPI

from api.console.profile_words import FAULTS
from registry import profile_document
from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import World

TEMPERATURE = {
    "metric_name": ["temperature_c", "", "door_open"],
    "metric_type": ["double", "double", "boolean"],
    "metric_unit": ["Cel", "", ""],
    "metric_low": ["-40", "", ""],
    "metric_high": ["85", "", ""],
    "metric_title_zh": ["温度", "", "门"],
    "metric_title_en": ["Temperature", "", "Door"],
}
HEAD = {
    "profile_code": "cold_store",
    "sector": "security",
    "title_zh": "冷库",
    "title_en": "Cold store",
}
PAYLOAD = {"payload": '{"temperature_c": 99, "door_open": true}'}


async def test_a_payload_is_tried_on_a_profile_that_is_not_defined(
    house: World, app: FastAPI
) -> None:
    """It says what would be stored and what would be refused, and nothing is made of it."""
    async with asking(app) as person:
        await sign_in(person, "ada")
        given = HEAD | TEMPERATURE | PAYLOAD
        live = await person.post("/profiles/new/trial", data=given)
        pressed = await person.post("/profiles/new", data=given | {"act": "try"})
        unfit = await person.post("/profiles/new/trial", data=given | {"title_en": ""})
        absent = await person.get("/profiles/cold_store")
    for answer in (live, pressed):
        assert answer.status_code == 200
        assert ("door_open" in answer.text, "out of range" in answer.text) == (True, True)
    assert "cannot be read by yet" in unfit.text
    assert absent.status_code == 404


async def test_a_profile_is_defined_in_the_console(house: World, app: FastAPI) -> None:
    """Blank rows are nobody's; a second of its name is refused, and keeps what was typed."""
    async with asking(app) as person:
        await sign_in(person, "ada")
        made = await person.post("/profiles/new", data=HEAD | TEMPERATURE)
        page = (await person.get("/profiles/cold_store")).text
        again = await person.post("/profiles/new", data=HEAD | TEMPERATURE)
    assert (made.status_code, made.headers["location"]) == (303, "/profiles/cold_store")
    assert "temperature_c" in page
    assert again.status_code == 409
    assert 'value="temperature_c"' in again.text


async def test_each_fault_stands_beside_its_field(house: World, app: FastAPI) -> None:
    """In the reader's language, at the row as it is filled in, and what was typed stays there."""
    wrong = TEMPERATURE | {"metric_high": ["-50", "", ""], "metric_name": ["select", "", "door"]}
    given = HEAD | wrong | {"title_en": "", "expected_interval_seconds": "often"}
    async with asking(app) as person:
        await sign_in(person, "ada")
        english = await person.post("/profiles/new", data=given)
        person.cookies.set("muster_language", "zh")
        chinese = await person.post("/profiles/new", data=given)
    assert english.status_code == 422
    for place, text in (
        ("title_en", "It is needed."),
        ("expected_interval_seconds", "A number is needed."),
        ("metric-0-name", "This is a word of SQL: take another name."),
        ("metric-0-high", "It is below where the values begin."),
    ):
        assert f'id="wrong-{place}">{text}<' in english.text
    assert "4 fields are to be corrected." in english.text
    assert 'value="often"' in english.text
    assert "这是 SQL 的保留词" in chinese.text


async def test_a_live_profile_gains_metrics(house: World, app: FastAPI) -> None:
    """All that are given or none: one that is there already keeps the others out."""
    at = "/profiles/smart_meter/metrics"
    both = TEMPERATURE | {"metric_name": ["leakage_ma", "", "voltage_a"]}
    async with asking(app) as person:
        await sign_in(person, "ada")
        form = await person.get(at)
        refused = await person.post(at, data=both)
        nothing = await person.post(at, data={"metric_name": [""]})
        before = (await person.get("/profiles/smart_meter")).text
        more = await person.post(at, data=both | {"act": "row"})
        tried = await person.post(f"{at}/trial", data=TEMPERATURE | PAYLOAD)
        added = await person.post(at, data=TEMPERATURE)
        after = (await person.get("/profiles/smart_meter")).text
    assert form.status_code == 200
    assert (refused.status_code, nothing.status_code) == (422, 422)
    assert 'id="wrong-metric-2-name">Another metric has this name.<' in refused.text
    assert "leakage_ma" not in before
    assert more.text.count('name="metric_name"') == 4
    assert "door_open" in tried.text
    assert (added.status_code, "temperature_c" in after) == (303, True)


def test_what_is_translated_is_what_the_document_says() -> None:
    """A sentence that is no longer said would never be translated again."""
    source = inspect.getsource(profile_document)
    assert [why for why in FAULTS if f'"{why}"' not in source] == []
