"""Exports over HTTP: asked for once, fetched in pieces, theirs alone, and told in the audit."""

import base64
import csv
import gzip
import hashlib
import io
import uuid
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from foundation.database import open_pool
from telemetry.exports import running
from telemetry.exports.model import PART_BYTES, Bounds
from tests.api.conftest import asking
from tests.api.world import POWER, World, minutes_ago

EXPORTS = "/api/v1/telemetry/exports"


def window(**more: Any) -> dict[str, Any]:
    """The last hour."""
    return {"from": minutes_ago(60).isoformat(), "to": minutes_ago(-1).isoformat(), **more}


async def worked(house: World) -> None:
    """Write whatever is asked for."""
    async with await open_pool(house.database.jobs, name="jobs") as pool:
        while await running.run_next(pool, uuid.uuid4(), Bounds()):
            pass


async def made(client: httpx.AsyncClient, house: World, **wanted: Any) -> dict[str, Any]:
    """An export that is done."""
    asked = await client.post(EXPORTS, json=window(**wanted))
    assert asked.status_code == 202, asked.text
    await worked(house)
    answer = await client.get(asked.headers["location"])
    found: dict[str, Any] = answer.json()
    assert found["state"] == "done", found
    return found


def measured(house: World, readings: int = 3) -> None:
    """METER-1 said so much within the last hour."""
    with psycopg.connect(house.database.superuser) as conn:
        conn.execute(
            "insert into telemetry.smart_meter (time, terminal_id, delay_seconds, voltage_a)"
            " select now() - interval '50 min' + n * interval '1 ms', %s, 0,"
            " 180 + (random() * 80) from generate_series(1, %s) n",
            (house.ids["METER-1"], readings),
        )


async def test_a_download_that_was_broken_off_goes_on(house: World, app: FastAPI) -> None:
    """Pieces of any length, across parts, join to the file whose checksum was told."""
    measured(house, 60_000)
    async with asking(app, house.keys["power"]) as client:
        export = await made(client, house, group_client=POWER, metrics=["voltage_a"])
        whole = await client.get(export["file"])
        etag, size = whole.headers["etag"], export["size_bytes"]
        joined, at = b"", 0
        for length in (1, 1000, PART_BYTES, 7, size):
            asked = {"Range": f"bytes={at}-{at + length - 1}", "If-Range": etag}
            piece = await client.get(export["file"], headers=asked)
            assert piece.status_code == 206
            last = min(at + length, size) - 1
            assert piece.headers["content-range"] == f"bytes {at}-{last}/{size}"
            joined, at = joined + piece.content, last + 1
        tail = await client.get(export["file"], headers={"Range": "bytes=-10"})
        beyond = await client.get(export["file"], headers={"Range": f"bytes={size}-"})
        another = await client.get(
            export["file"], headers={"Range": "bytes=5-9", "If-Range": '"another"'}
        )
        odd = [
            await client.get(export["file"], headers={"Range": text})
            for text in ("bytes=9-5", "bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes=a-b")
        ]

    digest = hashlib.sha256(joined)
    assert size > PART_BYTES
    assert joined == whole.content == another.content
    assert digest.hexdigest() == export["sha256"] == etag.strip('"')
    assert whole.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert whole.headers["accept-ranges"] == "bytes"
    assert len(list(csv.reader(io.StringIO(gzip.decompress(joined).decode())))) == 60_001
    assert (tail.status_code, tail.content) == (206, joined[-10:])
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range_unsatisfiable")
    assert beyond.headers["content-range"] == f"bytes */{size}"
    assert {answer.status_code for answer in odd} == {200}


async def test_the_same_wish_sent_again_is_one_export(house: World, app: FastAPI) -> None:
    """With an Idempotency-Key the second answer is the first; without, there are two."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    body = window(terminals=["METER-1"])
    async with asking(app, house.keys["power"]) as client:
        first, second = [await client.post(EXPORTS, json=body, headers=key) for _ in range(2)]
        other = await client.post(EXPORTS, json=body)
        listed = (await client.get(EXPORTS)).json()["items"]

    assert first.json()["id"] == second.json()["id"] != other.json()["id"]
    assert first.headers["location"] == f"{EXPORTS}/{first.json()['id']}"
    assert [item["id"] for item in listed] == [other.json()["id"], first.json()["id"]]
    assert {item["state"] for item in listed} == {"queued"}


async def test_an_export_is_its_askers_alone(house: World, app: FastAPI) -> None:
    """Another client, and another key of the same one, meet nothing; an administrator all."""
    measured(house)
    async with asking(app, house.keys["power"]) as client:
        export = await made(client, house, terminals=["METER-1"])
        absent = await client.get(f"{EXPORTS}/999/file")
        foreign = await client.post(EXPORTS, json=window(terminals=["BUS-1"]))
    answers = {}
    for who in ("transit", "jiangsu", "admin"):
        async with asking(app, house.keys[who]) as client:
            address = f"{EXPORTS}/{export['id']}"
            answers[who] = [
                (await client.get(address)).status_code,
                (await client.get(export["file"])).status_code,
                (await client.delete(address)).status_code,
                len((await client.get(EXPORTS)).json()["items"]),
            ]

    assert answers == {"transit": [404, 404, 404, 0], "jiangsu": [404, 404, 404, 0],
                       "admin": [200, 200, 204, 0]}  # fmt: skip
    assert (absent.status_code, absent.json()["code"]) == (404, "export_not_found")
    assert (foreign.status_code, foreign.json()["code"]) == (404, "terminal_not_found")


async def test_a_file_that_is_not_there_says_why(house: World, app: FastAPI) -> None:
    """While it waits, when it was cancelled, and when it failed."""
    async with asking(app, house.keys["power"]) as client:
        asked = (await client.post(EXPORTS, json=window(terminals=["METER-1"]))).json()
        waits = await client.get(f"{EXPORTS}/{asked['id']}/file")
        cancelled = await client.delete(f"{EXPORTS}/{asked['id']}")
        found = (await client.get(f"{EXPORTS}/{asked['id']}")).json()
        wrong = await client.post(EXPORTS, json=window(terminals=["METER-1"], metrics=["nothing"]))
        await worked(house)
        failed = (await client.get(wrong.headers["location"])).json()
        gone = await client.get(f"{wrong.headers['location']}/file")

    assert (waits.status_code, waits.json()["code"]) == (409, "export_not_done")
    assert (cancelled.status_code, found["state"], found["file"]) == (204, "cancelled", None)
    assert (failed["state"], failed["problem"]) == ("failed", "metric_unknown")
    assert "nothing" in failed["detail"]
    assert (gone.status_code, gone.json()["code"]) == (409, "export_not_done")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "request_invalid"),
        ({"terminals": ["METER-1"], "region": 0}, "request_invalid"),
        ({"terminals": [f"T-{n}" for n in range(10_000)]}, "request_invalid"),
        ({"terminals": ["METER-1"], "format": "xlsx"}, "request_invalid"),
        ({"terminals": ["METER-1"], "owner": POWER}, "request_invalid"),
        ({"terminals": ["METER-1"], "from": "2026-01-01T00:00:00"}, "request_invalid"),
        ({"terminals": ["METER-1"], "from": "1926-01-01T00:00:00Z"}, "window_too_long"),
        ({"terminals": ["METER-1"], "to": "1926-01-01T00:00:00Z"}, "times_invalid"),
        ({"terminals": ["METER-1"], "profile": "smart_meter", "metrics": ["x"]}, "metric_unknown"),
    ],
)
async def test_what_cannot_be_exported_is_refused_at_once(
    house: World, app: FastAPI, body: dict[str, Any], code: str
) -> None:
    """Nobody named, two sets, ten thousand codes, a time without an offset, a century."""
    async with asking(app, house.keys["power"]) as client:
        answer = await client.post(EXPORTS, json=window() | body)
        left = (await client.get(EXPORTS)).json()["items"]

    assert (answer.status_code, answer.json()["code"], left) == (422, code, [])


async def test_who_exported_what_is_told(house: World, app: FastAPI) -> None:
    """The window and whom it was of, what was written, and that it was fetched, once each."""
    measured(house)
    async with asking(app, house.keys["power"]) as client:
        export = await made(client, house, terminals=["METER-1"])
        await client.get(export["file"])
        await client.get(export["file"], headers={"Range": "bytes=20-"})
    async with asking(app, house.keys["admin"]) as client:
        found = (await client.get("/api/v1/audit", params={"key": "METER-1"})).json()["items"]

    told = [entry for entry in found if entry["action"].startswith("export.")]
    assert [entry["action"] for entry in told] == ["export.fetch", "export.finish", "export.ask"]
    assert {entry["tenant"] for entry in told} == {POWER}
    with psycopg.connect(house.database.superuser) as conn:
        [(changes,)] = conn.execute(
            "select changes from registry.audit where action = 'export.finish'"
        ).fetchall()
    after = changes[0]["after"]
    assert (after["rows"], after["file_sha256"]) == (3, export["sha256"])
    assert after["wanted"]["terminals"] == ["METER-1"]
