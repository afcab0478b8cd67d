"""The AsyncAPI document is a valid one, is checked in, and its examples fare as it says."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from broker_bridge.asyncapi import EXAMPLES_FROM, document
from broker_bridge.topics import Channel
from deploy.embedded import check_packages
from deploy.embedded.processes import wait_until
from tests.broker_bridge.running import SECONDS, Bridge, Publisher, now_ms, read
from tests.conftest import Database, TestBroker
from tests.country import register, settled

CHECKOUT = Path(__file__).parents[2]
KEPT = CHECKOUT / "docs/reference/asyncapi.json"
MESSAGES = document()["components"]["messages"]
CASES = [
    (channel, example["name"], example["payload"], outcome)
    for channel in Channel
    for message in document()["channels"][channel]["messages"]
    for example in MESSAGES[message].get("examples", ())
    if (outcome := MESSAGES[message]["x-outcomes"][example["name"]])
]


def payload_schema(message: str) -> dict[str, Any]:
    """The JSON schema of a message's payload, with what it refers to."""
    schema: dict[str, Any] = MESSAGES[message]["payload"]
    return schema | {"components": document()["components"]}


def test_the_checked_in_document_is_what_the_code_says() -> None:
    """After a change: `./muster asyncapi > docs/reference/asyncapi.json`."""
    assert json.loads(KEPT.read_text("utf-8")) == document()


def test_it_is_an_asyncapi_document() -> None:
    """By the schema of the specification's authors."""
    schemas = check_packages.ensure(CHECKOUT).modules / "@asyncapi/specs/schemas"
    schema = json.loads((schemas / "3.0.0-without-$id.json").read_text("utf-8"))

    jsonschema_rs.validator_for(schema).validate(document())


@pytest.mark.parametrize("message", [name for name in MESSAGES if "examples" in MESSAGES[name]])
def test_examples_fit_their_schema_unless_they_are_refused(message: str) -> None:
    """What is refused whole need not; the rest does."""
    fits = jsonschema_rs.validator_for(payload_schema(message))
    for example in MESSAGES[message]["examples"]:
        outcome = MESSAGES[message]["x-outcomes"].get(example["name"], {})
        if "refused" not in outcome:
            fits.validate(example["payload"])


def moved(payload: Any, by_ms: int) -> Any:
    """The same with its times in the present; what is older than the examples stays."""
    if isinstance(payload, list):
        return [moved(item, by_ms) for item in payload]
    if not isinstance(payload, dict) or "ts" not in payload:
        return payload
    ts, unit = payload["ts"], 1 if payload["ts"] > 10**11 else 1000
    return payload | ({"ts": ts + by_ms // unit} if ts * unit >= EXAMPLES_FROM else {})


def heard(told: list[Any], wanted: Any) -> bool:
    """Whether one of the receipts is the one that is wanted."""
    return any(agrees(one, wanted) for one in told)


def agrees(said: Any, expected: Any) -> bool:
    """Whether a receipt says at least what an example expects of it."""
    if isinstance(expected, dict):
        return isinstance(said, dict) and all(
            name in said and agrees(said[name], value) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return any(agrees(one, expected[0]) for one in said)
    return bool(said == expected)


async def test_every_example_fares_as_the_document_says(
    database: Database, broker: TestBroker
) -> None:
    """Sent one after the other through the broker: what is stored, what becomes an event, what is
    refused and why, and what the terminal is told."""
    told: list[Any] = []
    by_ms = (now_ms() - EXAMPLES_FROM) // 1000 * 1000 - 3_600_000
    broker.admit("M-1")
    fits = jsonschema_rs.validator_for(payload_schema("receipt"))
    async with settled(database) as pool:
        await register(pool, "M-1")
        with Bridge(database, broker).ready() as bridge, Publisher(broker, "M-1") as meter:
            meter.client.on_message = lambda *given: told.append(orjson.loads(given[2].payload))
            meter.client.subscribe("m2m/v1/M-1/receipt", 1)
            before = tally(database)
            for number, (channel, name, payload, outcome) in enumerate(CASES, 1):
                text = payload if isinstance(payload, str) else json.dumps(moved(payload, by_ms))
                del told[:]
                meter.say(text.encode(), channel=channel)
                bridge.settle(number)
                after = tally(database)
                assert difference(before, after) == expected(outcome), (channel, name)
                before = after
                if "receipt" in outcome:
                    assert wait_until(partial(heard, told, outcome["receipt"]), SECONDS), name
                for receipt in told:
                    fits.validate(receipt)


def tally(database: Database) -> dict[str, list[str]]:
    """What the database holds: rows by their values, events by code, refusals by reason."""
    rows = read(
        database, "select time::text, voltage_a, energy_kwh from telemetry.meter order by 1"
    )
    events = read(database, "select code from telemetry.event order by time, code")
    refused = read(database, "select reason from telemetry.quarantine order by id")
    return {
        "stored": [str(row) for row in rows],
        "events": [row["code"] for row in events],
        "refused": [row["reason"] for row in refused],
    }


def difference(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, Any]:
    """What has come."""
    came = {kind: list(after[kind]) for kind in after}
    for kind, things in before.items():
        for thing in things:
            came[kind].remove(thing)
    return {
        "stored": len(came["stored"]),
        "events": sorted(came["events"]),
        "refused": came["refused"],
    }


def expected(outcome: dict[str, Any]) -> dict[str, Any]:
    """The same of an example."""
    return {
        "stored": outcome.get("stored", 0),
        "events": sorted(outcome.get("events", [])),
        "refused": [outcome["refused"]] if "refused" in outcome else [],
    }
