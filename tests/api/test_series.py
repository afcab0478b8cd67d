"""Series over HTTP: of one, of many, of all together, and the newest values of many."""

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import psycopg
import pytest
from fastapi import FastAPI
from pyarrow.parquet import read_table

from telemetry import parquet
from tests.api.conftest import asking
from tests.api.served import served
from tests.api.test_limits import limited, until
from tests.api.world import POWER, SUZHOU, World, minutes_ago

MINUTE = timedelta(minutes=1)
SERIES, TOGETHER, LATEST = (f"/api/v1/telemetry/{n}" for n in ("series", "aggregate", "latest"))
ONE = "/api/v1/terminals/METER-1/telemetry"


def stamp(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


@pytest.fixture
def start(house: World) -> datetime:
    """METER-1 said 230 .. 234 at five minutes running, METER-2 100 at the first two."""
    begin = minutes_ago(20).replace(second=0, microsecond=0)
    for minute in range(5):
        time = begin + minute * MINUTE
        house.measured("METER-1", "smart_meter", time, voltage_a=230.0 + minute, current_a=1.0)
        if minute < 2:
            house.measured("METER-2", "smart_meter", time, voltage_a=100.0)
    return begin


def within(start: datetime, minutes: int = 10, **more: Any) -> dict[str, Any]:
    return {"from": stamp(start), "to": stamp(start + minutes * MINUTE), **more}


async def test_a_series_says_what_it_is(house: World, app: FastAPI, start: datetime) -> None:
    """Steps in words, in a zone, with gaps shown; a chart that was thinned; lines of JSON."""
    step = within(start, 10, metric="voltage_a", step="5m", fill="null", timezone="Asia/Shanghai")
    async with asking(app, house.keys["power"]) as client:
        by_step = (await client.get(ONE, params=step)).json()
        chart = (await client.get(ONE, params=within(start, metric="voltage_a", points=3))).json()
        lines = await client.get(ONE, params=within(start, 2, format="ndjson", metric="voltage_a"))
    first, *_ = by_step.pop("times")
    columns = by_step.pop("columns")["voltage_a"]
    assert by_step == {
        "terminal": "METER-1", "resolution": "raw", "step_seconds": 300, "aggregate": "avg",
        "fill": "null", "timezone": "Asia/Shanghai", "thinned": False, "readings": 5,
    }  # fmt: skip
    assert (first <= stamp(start), columns[-1]) == (True, None)
    assert (chart["resolution"], chart["thinned"], chart["readings"]) == ("raw", True, 5)
    assert chart["columns"]["voltage_a"][:: len(chart["times"]) - 1] == [230.0, 234.0]
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [orjson.loads(line) for line in lines.text.splitlines()] == [
        {"time": stamp(start + k * MINUTE), "voltage_a": 230.0 + k} for k in range(2)
    ]


async def test_many_come_as_json_csv_and_lines(house: World, app: FastAPI, start: datetime) -> None:
    """Each terminal after the other, in the order in which they were named."""
    asked = within(start, 2, terminals="METER-2,METER-1", metric="voltage_a")
    async with asking(app, house.keys["power"]) as client:
        answer = (await client.get(SERIES, params=asked)).json()
        table = await client.get(SERIES, params=asked, headers={"Accept": "text/csv"})
        lines = await client.get(SERIES, params=asked | {"format": "ndjson"})
    values = {"METER-2": [100.0, 100.0], "METER-1": [230.0, 231.0]}
    assert (answer["from"], answer["to"]) == (asked["from"], asked["to"])
    assert {i["terminal"]: i["columns"]["voltage_a"] for i in answer["items"]} == values
    assert [i["terminal"] for i in answer["items"]] == list(values)
    flat = [
        {"terminal": code, "time": stamp(start + k * MINUTE), "voltage_a": value}
        for code, column in values.items()
        for k, value in enumerate(column)
    ]
    assert [orjson.loads(line) for line in lines.text.splitlines()] == flat
    told = list(csv.DictReader(io.StringIO(table.text)))
    assert told == [{name: str(value) for name, value in row.items()} for row in flat]
    assert "attachment" in table.headers["content-disposition"]


@pytest.mark.parametrize("by_accept", [True, False])
async def test_series_come_as_parquet_with_their_types(
    house: World, app: FastAPI, start: datetime, by_accept: bool
) -> None:
    """Of one, of many, and of all together: the very values of the JSON, typed by the metric."""
    accept = {"accept": parquet.MEDIA_TYPE} if by_accept else {}
    more: dict[str, Any] = {} if by_accept else {"format": "parquet"}
    one = within(start, metric="voltage_a", **more)
    counted = one | {"step": "10m", "aggregate": "count"}
    together = one | {"group_client": POWER, "profile": "smart_meter", "step": "5m"}
    async with asking(app, house.keys["power"]) as client:
        raw, counts, many, all_of_them = [
            await client.get(address, params=params, headers=accept)
            for address, params in (
                (ONE, one),
                (ONE, counted),
                (SERIES, one | {"terminals": "METER-1,METER-2"}),
                (TOGETHER, together),
            )
        ]
        rest = await client.get(LATEST, params={"format": "parquet"})
    tables = [read_table(io.BytesIO(a.content)) for a in (raw, counts, many, all_of_them)]

    assert raw.headers["content-type"] == parquet.MEDIA_TYPE
    assert [str(table.schema.field(-1).type) for table in tables] == [
        "double", "int64", "double", "int64",
    ]  # fmt: skip
    assert tables[0].column("voltage_a").to_pylist() == [230.0, 231.0, 232.0, 233.0, 234.0]
    assert sum(tables[1].column("voltage_a").to_pylist()) == 5
    assert tables[2].column("terminal").to_pylist() == ["METER-1"] * 5 + ["METER-2"] * 2
    assert tables[0].column("time").to_pylist()[0].astimezone(UTC) == start
    assert tables[3].column_names == ["time", "value", "readings", "terminals"]
    assert rest.status_code == 422


async def test_a_fleet_s_sum_is_of_each_one_s_average(
    house: World, app: FastAPI, start: datetime
) -> None:
    """Of a client, of a region and of a collection; as JSON and as CSV."""
    asked = within(
        start, profile="smart_meter", metric="voltage_a", step="1d", aggregate="avg", across="sum"
    )
    async with asking(app, house.keys["jiangsu"]) as client:
        body = {"name": "two", "group_client": POWER}
        made = (await client.post("/api/v1/collections", json=body)).json()
        members = f"/api/v1/collections/{made['id']}/members"
        await client.patch(members, json={"add": ["METER-1"]})
        sets: list[dict[str, object]] = [
            {"group_client": POWER}, {"region": SUZHOU}, {"collection": made["id"]}
        ]  # fmt: skip
        of_client, of_region, of_collection = [
            (await client.get(TOGETHER, params=asked | one)).json() for one in sets
        ]
        table = await client.get(TOGETHER, params=asked | sets[0] | {"format": "csv"})
    for found in (of_client, of_region):
        assert found["columns"] == {"value": [332.0], "readings": [7], "terminals": [2]}
        assert (found["readings"], found["across"], found["step_seconds"]) == (7, "sum", 86_400)
    assert of_client["terminals"] == 3
    assert of_collection["columns"] == {"value": [232.0], "readings": [5], "terminals": [1]}
    assert table.text.splitlines() == [
        "time,value,readings,terminals", f"{of_client['times'][0]},332.0,7,2",
    ]  # fmt: skip


async def test_the_newest_of_many_are_paged_and_named(
    house: World, app: FastAPI, start: datetime
) -> None:
    """A page opens the next; a terminal without values is there in JSON and has no line in CSV."""
    last = stamp(start + 4 * MINUTE)
    async with asking(app, house.keys["power"]) as client:
        pages, params = [], {"limit": "2", "metric": "voltage_a"}
        while True:
            answer = await client.get(LATEST, params=params)
            pages.append(answer.json())
            assert ("next" in answer.links) is (pages[-1]["next"] is not None)
            if pages[-1]["next"] is None:
                break
            params["after"] = pages[-1]["next"]
        named = (await client.get(LATEST, params={"terminals": "METER-2,METER-1"})).json()
        table = await client.get(LATEST, params={"format": "csv", "limit": "10000"})
        of_client = (await client.get(LATEST, params={"group_client": POWER})).json()
    items = [item for page in pages for item in page["items"]]
    assert [item["terminal"] for item in items] == ["METER-1", "METER-2", "METER-3"]
    assert items[0]["items"] == [{"metric": "voltage_a", "time": last, "value": 234.0}]
    assert items[2]["items"] == []
    assert [item["terminal"] for item in named["items"]] == ["METER-2", "METER-1"]
    assert [v["metric"] for v in named["items"][1]["items"]] == ["current_a", "voltage_a"]
    assert table.text.splitlines()[0] == "terminal,metric,time,value"
    assert f"METER-1,voltage_a,{last},234.0" in table.text
    assert "METER-3" not in table.text
    assert len(of_client["items"]) == 3


async def test_text_is_no_formula_in_any_table(house: World, app: FastAPI) -> None:
    """A spreadsheet that opens the files runs nothing that a terminal sent."""
    metric = {"name": "note", "type": "text", "title_zh": "备注", "title_en": "Note"}
    async with asking(app, house.keys["admin"]) as client:
        await client.post("/api/v1/profiles/smart_meter/metrics", json=metric)
        house.measured("METER-1", "smart_meter", minutes_ago(1), note="=1+1")
        for path in (f"{SERIES}?terminals=METER-1", f"{LATEST}?terminals=METER-1", f"{ONE}?"):
            answer = await client.get(f"{path}&format=csv")
            assert "'=1+1" in answer.text, path
            assert ",=1+1" not in answer.text, path


_MANY = ",".join(f"M-{n}" for n in range(101))
_SET = f"profile=smart_meter&metric=voltage_a&group_client={POWER}"


REFUSED = (
        (f"{ONE}?step=7w", 422, "step_invalid"),
        (f"{ONE}?step=999d", 422, "step_invalid"),
        (f"{ONE}?step=1h&timezone=Mars/Base", 422, "time_zone_unknown"),
        (f"{ONE}?step=1h&timezone=../../etc/passwd", 422, "time_zone_unknown"),
        (f"{ONE}?step=7h&timezone=Asia/Shanghai", 422, "step_invalid"),
        (f"{ONE}?fill=null", 422, "step_missing"),
        (f"{ONE}?fill=magic&step=1h", 422, "request_invalid"),
        (f"{ONE}?points=2", 422, "request_invalid"),
        (f"{ONE}?points=9&step=1h", 422, "points_invalid"),
        (f"{ONE}?points=9&metric=nonsense", 422, "metric_unknown"),
        (f"{ONE}?from=0001-01-01T00:00:00Z&to=0001-01-02T00:00:00Z&step=1d&timezone=Asia/Tokyo",
         422, "times_invalid"),
        (f"{ONE}?from=9999-12-31T00:00:00Z&to=9999-12-31T23:00:00Z&step=1d&timezone=Asia/Tokyo",
         422, "times_invalid"),
        (SERIES, 422, "request_invalid"),
        (f"{SERIES}?terminals=,", 422, "terminals_invalid"),
        (f"{SERIES}?terminals={_MANY}", 422, "terminals_invalid"),
        (f"{SERIES}?terminals=METER-1,BUS-1", 404, "terminal_not_found"),
        (f"{SERIES}?terminals=METER-1&metric=nonsense", 422, "metric_unknown"),
        (f"{SERIES}?terminals=METER-1&from=2026-01-01T00:00:00Z&step=1", 422, "too_many_points"),
        (f"{SERIES}?terminals=METER-1&from=1990-01-01T00:00:00Z", 422, "window_too_long"),
        (f"{TOGETHER}?{_SET}", 422, "step_missing"),
        (f"{TOGETHER}?{_SET}&step=1h&region=320500", 422, "set_invalid"),
        (f"{TOGETHER}?profile=smart_meter&metric=voltage_a&step=1h", 422, "set_invalid"),
        (f"{TOGETHER}?{_SET}&step=1h&across=median", 422, "request_invalid"),
        (f"{TOGETHER}?{_SET}1&step=1h", 404, "group_client_not_found"),
        (f"{TOGETHER}?{_SET.replace('voltage_a', 'x')}&step=1h", 422, "metric_unknown"),
        (f"{TOGETHER}?{_SET.replace('smart_meter', 'x')}&step=1h", 404, "profile_not_found"),
        (f"{LATEST}?limit=10001", 422, "request_invalid"),
        (f"{LATEST}?terminals={_MANY}", 422, "terminals_invalid"),
        (f"{LATEST}?terminals=METER-1&profile=smart_meter", 422, "terminals_invalid"),
        (f"{LATEST}?after=nonsense", 422, "cursor_invalid"),
)  # fmt: skip


async def test_what_cannot_be_answered_is_told_before_anything_is_sent(
    house: World, app: FastAPI
) -> None:
    """A problem with its code and a remedy, never half a file."""
    async with asking(app, house.keys["power"]) as client:
        for address, status, code in REFUSED:
            answer = await client.get(address)
            problem = answer.json()
            assert (answer.status_code, problem.get("code")) == (status, code), address[:200]
            assert answer.headers["content-type"] == "application/problem+json"
            assert problem["remedy"]


async def test_who_hangs_up_in_the_middle_of_a_file_leaves_no_query_behind(
    house: World, start: datetime
) -> None:
    """The head of the answer is out, a query sleeps, the caller goes: the query goes with them."""
    view = "visible.smart_meter"
    with psycopg.connect(house.database.superuser, autocommit=True) as conn:
        [(text,)] = conn.execute(f"select pg_get_viewdef('{view}'::regclass)").fetchall()
        slow = f"select v.* from ({text.rstrip(';')}) v, (select pg_sleep(60)) s"
        conn.execute(f"create or replace view {view} as {slow}")
    async with limited(house, statement_timeout_seconds=60) as app, served(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"GET {SERIES}?terminals=METER-1&step=60 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {house.keys['power']}\r\n\r\n".encode()
        )
        assert b"200 OK" in await reader.readuntil(b"\r\n")
        await until(house, 1, like='select "#k"%')
        writer.close()
        await until(house, 0, like='select "#k"%')
        async with asking(app, house.keys["power"]) as client:
            assert (await client.get(LATEST, params={"terminals": "METER-1"})).status_code == 200
            assert "muster_api_abandoned_total 1.0" in (await client.get("/metrics")).text
