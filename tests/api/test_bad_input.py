"""Bad input B30 to B34, B37 and B38 of the catalogue: refused with a reason, or it means nothing.

B35 and B36, which are about the request itself, stand in `test_bad_requests.py`.
"""

import asyncio
import itertools
import json
import unicodedata
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import psycopg
from fastapi import FastAPI

from foundation.database import transaction
from registry import users
from registry.scope import Role
from telemetry.model import Reason
from tests.api.conftest import asking
from tests.api.world import POWER, SUZHOU, SYSTEM, TRANSIT, World

V1 = "/api/v1"
METER = {"code": "NEW-1", "profile": "smart_meter", "region": SUZHOU}
CLIENT = {
    "code": "new",
    "name": "new",
    "region": SUZHOU,
    "industry": "power",
    "tier": "gold",
}
STREAM = f"{V1}/live"
INJECTIONS = (
    "' OR 1=1 --", "'; drop table registry.terminal; --", '" or ""="', "METER-1' and '1'='1",
    "%", "_ETER-1", "METER-%", "\\", "$$", "%(code)s", "{0}", "$.code", "[0]", "code desc",
    "1) union select password_hash from registry.user_account --", "𝔐", "\u202e", "a" * 64,
)  # fmt: skip


def operations(app: FastAPI) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation under /api/v1."""
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            if path.startswith(V1):
                yield method, path, operation


def texts_of(operation: dict[str, Any]) -> Iterator[str]:
    """The query parameters of an operation that take a text of the caller's choice."""
    for parameter in operation.get("parameters", ()):
        kinds = parameter["schema"].get("anyOf", [parameter["schema"]])
        if parameter["in"] == "query" and any(
            kind.get("type") == "string" and "enum" not in kind for kind in kinds
        ):
            yield parameter["name"]


async def test_b30_sql_in_any_text_is_a_text(house: World, app: FastAPI) -> None:
    """In each path and each query parameter of every list: nothing found, or refused; never more
    than was there, and every table still stands. Each of them is given a third of the texts."""
    asked = 0
    thirds = itertools.cycle(INJECTIONS[k::3] for k in range(3))
    async with asking(app, house.keys["admin"]) as client:
        for method, path, operation in operations(app):
            if method != "get":
                continue
            before, _, rest = path.partition("{")
            named = path.replace("{code}", "METER-1")
            places = [(f"{named}?{name}=", "") for name in texts_of(operation)]
            if rest:
                places.append((before, rest.partition("}")[2]))
            addresses = [
                head + quote(text) + tail for head, tail in places for text in next(thirds)
            ]
            if path == STREAM:  # which has no end otherwise
                addresses = [f"{address}&seconds=0" for address in addresses]
            for address in addresses:
                answer = await client.get(address)
                assert answer.status_code in (200, 404, 422), (address, answer.text)
                if path == STREAM:
                    assert "event: reading" not in answer.text, address
                elif answer.status_code == 200 and "?after=" not in address:
                    assert not answer.json().get("items"), address
            asked += len(addresses)
        assert (await client.get(f"{V1}/terminals")).json()["items"]
    assert asked > 200


async def test_b30_what_no_list_declares_is_refused(house: World, app: FastAPI) -> None:
    """Columns to sort and filter by cannot be named at all."""
    async with asking(app, house.keys["admin"]) as client:
        for query in ("sort=code", "order=code;drop", "filter=state eq 1", "fields=*", "offset=1"):
            answer = await client.get(f"{V1}/terminals?{query}")
            assert (answer.status_code, answer.json()["code"]) == (422, "query_unknown"), query


async def test_b31_a_pattern_is_a_text(house: World, app: FastAPI) -> None:
    """What would keep a matcher busy for ever matches nothing, at once."""
    async with asking(app, house.keys["admin"]) as client:
        for text in ("(a+)+$", "(.*)*b", ".*", "^", "METER-[0-9]"):
            answer = await client.get(f"{V1}/terminals", params={"prefix": text})
            assert (answer.status_code, answer.json()["items"]) == (200, [])


TOO_MUCH = (
    "terminals?limit=0", "terminals?limit=-1", "terminals?limit=1000000000", "terminals?page=-1",
    "terminals?limit=1e3", "terminals?limit=0x10", "terminals?offset=99999999999",
    "terminals?limit=" + "9" * 400, "terminals?after=" + "c" * 300,
    "terminals?after=c", "terminals?after=cMETER-1.x", "terminals?after=r1.1", "terminals?after=",
    "group-clients?after=%20", "quarantine?after=-1", "quarantine?after=99999999999999999999",
    "users?limit=1001", "api-keys?after=x",
    "terminals/METER-1/events?after=1", "terminals/METER-1/events?after=9" + "9" * 40 + ".1",
    "terminals/METER-1/events?from=1926-01-01T00:00:00Z",
    "terminals/METER-1/telemetry?from=1926-01-01T00:00:00Z",
    "terminals/METER-1/telemetry?from=1926-01-01T00:00:00Z&step=31622400",
    "terminals/METER-1/telemetry?from=2026-01-01T00:00:00Z&step=1",
    "terminals/METER-1/telemetry?step=0", "terminals/METER-1/telemetry?step=99999999999",
    "terminals/METER-1/telemetry?from=9999-01-01T00:00:00Z",
    "terminals/METER-1/telemetry?from=0000-00-00T00:00:00Z",
    "terminals/METER-1/telemetry?from=2026-11-23T00:00:00Z&to=2026-11-22T00:00:00Z",
    "terminals/METER-1/telemetry?metric=" + ",".join(f"m{n}" for n in range(2000)),
    *(f"telemetry/{of}&{rest}" for of in (
        "series?terminals=METER-1", "aggregate?region=0&profile=smart_meter&metric=voltage_a")
      for rest in ("from=1926-01-01T00:00:00Z&step=366d", "from=2026-01-01T00:00:00Z&step=1",
                   "step=0", "step=-1", "step=1.5", "step=1w", "step=99999999999", "step=367d",
                   "from=9999-01-01T00:00:00Z&step=1d", "step=1h&timezone=Nowhere/City",
                   "step=1h&to=2026-11-22T00:00:00Z&from=2026-11-23T00:00:00Z",
                   # B47: a time has a form, and an offset
                   "step=1h&from=2026-11-22T00:00:00", "step=1h&from=2026-11-22",
                   "step=1h&from=2026-11-22T24:00:00Z", "step=1h&from=1,5", "step=1h&from=now",
                   "step=1h&from=1790000000", "step=1h&from=2026-02-30T00:00:00Z",
                   "step=1h&from=22.11.2026")),
    "telemetry/series?terminals=" + ",".join(f"T-{n}" for n in range(101)),
    "telemetry/series?terminals=" + ",".join(f"T-{n}" for n in range(1000)),
    "telemetry/series?terminals=", "telemetry/series?terminals=METER-1&points=2",
    "telemetry/series?terminals=METER-1&points=1000000000",
    "telemetry/latest?terminals=" + ",".join(f"T-{n}" for n in range(1000)),
    "telemetry/latest?limit=0", "telemetry/latest?limit=1000000000", "telemetry/latest?after=x",
    "telemetry/exports?limit=0", "telemetry/exports?limit=1000000000", "telemetry/exports?after=x",
    "telemetry/exports?after=-1", "telemetry/exports?page=2", "telemetry/exports?state=nearly",
)  # fmt: skip


async def test_b32_what_costs_too_much_is_refused(house: World, app: FastAPI) -> None:
    """422 with what to do instead, and the parameter by its name."""
    async with asking(app, house.keys["admin"]) as client:
        for query in TOO_MUCH:
            answer = await client.get(f"{V1}/{query}")
            problem = answer.json()
            assert answer.status_code == 422, (query, problem)
            assert problem["remedy"]
            named = {name.partition("=")[0] for name in query.partition("?")[2].split("&")}
            assert {place.get("parameter") for place in problem["errors"]} & (named | {"to"}), query


async def test_b32_ten_thousand_ids_are_refused(house: World, app: FastAPI) -> None:
    """A list in a body has an end."""
    body = {"name": "x", "role": "agent", "group_clients": [f"c{n}" for n in range(10_000)]}
    async with asking(app, house.keys["admin"]) as client:
        answer = await client.post(f"{V1}/api-keys", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/group_clients")


async def test_b33_what_is_anothers_is_as_what_is_not_there(house: World, app: FastAPI) -> None:
    """In path, query and body: the very answer that a made-up name gets."""
    item = house.refused("METER-1", Reason.MALFORMED, b"{")
    operator = {"code": "NEW-1", "profile": "smart_meter", "region": SUZHOU}
    asks: list[tuple[str, str, str, dict[str, Any]]] = [
        ("transit", "GET", "/terminals/{}", {}),
        ("transit", "GET", "/terminals/{}/telemetry", {}),
        ("transit", "POST", "/terminals/{}/credential", {"headers": {"Idempotency-Key": "k" * 36}}),
        ("transit", "GET", "/quarantine?terminal={}", {}),
        ("transit", "GET", "/terminals?group_client={client}", {}),
        ("transit", "GET", "/quarantine/{item}", {}),
        ("transit", "POST", "/api-keys", {"json": {"name": "x", "role": "client_viewer",
                                                   "group_clients": ["{client}"]}}),
        ("jiangsu", "POST", "/terminals", {"json": operator | {"group_client": "{client}"}}),
        ("jiangsu", "PATCH", "/terminals/{}", {"json": {"state": "testing"},
                                               "headers": {"If-Match": '"1"'}}),
    ]  # fmt: skip
    foreign = {
        "transit": {"METER-9": "METER-1", "nobodys": POWER, "999999999": str(item)},
        "jiangsu": {"METER-9": "BUS-1", "nobodys": TRANSIT, "999999999": "1"},
    }
    for who, method, path, request in asks:
        told = []
        for stand_in in (True, False):
            names = {
                made_up: real if stand_in else made_up for made_up, real in foreign[who].items()
            }
            terminal, client_code, number = names["METER-9"], names["nobodys"], names["999999999"]
            address = path.replace("{client}", client_code).replace("{item}", number)
            sent = json.loads(json.dumps(request).replace("{client}", client_code))
            async with asking(app, house.keys[who]) as client:
                url = V1 + address.replace("{}", terminal)
                answer = await client.request(method, url, **sent)
            body = answer.text.replace(answer.headers["x-request-id"], "")
            for made_up, real in names.items():
                body = body.replace(real, made_up)
            told.append((answer.status_code, body))
        assert told[0] == told[1], path
        assert told[0][0] == 404, (path, told[0])


async def test_b34_no_body_takes_a_field_that_is_not_its_own(house: World, app: FastAPI) -> None:
    """Neither owner nor rights can be slipped in: every body of every operation is closed."""
    document = app.openapi()
    bodies = 0
    for method, path, operation in operations(app):
        content = operation.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        name = schema.get("$ref", "").rpartition("/")[2]
        if name:
            bodies += 1
            closed = document["components"]["schemas"][name].get("additionalProperties")
            assert closed is False, (method, path)
    assert bodies >= 3
    async with asking(app, house.keys["admin"]) as client:
        profile = (await client.get(f"{V1}/profiles/smart_meter")).json()
        for path, body in (
            ("terminals", METER),
            ("group-clients", CLIENT),
            ("profiles", {"code": "p", "metrics": profile["metrics"][:1]}),
            ("users", {"name": "eve", "role": "agent"}),
        ):
            for field in ("tenant_id", "is_admin", "owner", "id", "version", "__proto__", "$set"):
                answer = await client.post(f"{V1}/{path}", json=body | {field: 1})
                places = [place.get("pointer") for place in answer.json()["errors"]]
                assert answer.status_code == 422
                assert f"#/{field}" in places, (path, field)


def token(head: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """A JSON Web Token, signed with whatever."""
    parts = [json.dumps(head).encode(), json.dumps(claims).encode(), signature]
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


async def test_b37_no_token_but_a_key_of_ours_is_anything(house: World, app: FastAPI) -> None:
    """There are no JWTs here: whatever their algorithm, key or claims, 401; so is a key that is
    over, revoked, cut, padded, or shown in another place."""
    key = house.keys["admin"]
    now = datetime.now(UTC)
    claims = {"sub": "ada", "role": "admin", "exp": int(now.timestamp()) + 3600}
    heads: list[dict[str, Any]] = [
        {"alg": "none"}, {"alg": "HS256"}, {"alg": "RS256", "kid": "../../etc/passwd"},
        {"alg": "HS256", "kid": "' union select 'x"}, {"alg": "RS256", "jku": "http://127.0.0.1/"},
    ]  # fmt: skip
    wrong = [f"Bearer {token(head, claims, b'x' * 32)}" for head in heads]
    wrong += [f"Bearer {token({'alg': 'none'}, claims)}", f"Bearer {key[:-1]}",
              f"Bearer {key}x", f"Bearer {key[:11]}", f"Basic {key}", key, "Bearer",
              "Bearer \t", f"Bearer {key},{key}",
              f"Bearer {key.swapcase()}"]  # fmt: skip
    async with asking(app) as client:
        for given in wrong:
            answer = await client.get(f"{V1}/terminals", headers={"Authorization": given})
            assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in"), given
        elsewhere = [
            await client.get(f"{V1}/terminals?api_key={key}"),
            await client.get(f"{V1}/terminals", headers={"X-Api-Key": key}),
            await client.get(f"{V1}/terminals", headers={"Cookie": f"muster_session={key}"}),
        ]
    assert [answer.status_code for answer in elsewhere] == [422, 401, 401]
    for change in (
        {"expires_at": now - timedelta(seconds=1), "revoked_at": None},
        {"expires_at": None, "revoked_at": now},
    ):
        with psycopg.connect(house.database.superuser, autocommit=True) as conn:
            conn.execute(
                "update registry.api_key set created_at = now() - interval '1 day', expires_at ="
                " %(expires_at)s, revoked_at = %(revoked_at)s where name = 'power'",
                change,
            )
        async with asking(app, house.keys["power"]) as client:
            assert (await client.get(f"{V1}/terminals")).status_code == 401


LONG = "correct horse é battery"


async def test_b38_a_password_is_compared_character_by_character(
    house: World, app: FastAPI
) -> None:
    """Neither a blank more nor another form of the same letters is the password."""
    async with transaction(app.state.pool, SYSTEM.settings()) as conn:
        await users.appoint(conn, SYSTEM, name="zoe", password=LONG, role=Role.ADMIN)
    others = [LONG + " ", " " + LONG, unicodedata.normalize("NFD", LONG), LONG.upper(), LONG + "\0"]
    statuses = []
    for typed in (*others, LONG):
        app.state.sign_in._throttle.succeeded("zoe", "127.0.0.1")
        async with asking(app) as client:
            program = await client.post(f"{V1}/sessions", json={"name": "zoe", "password": typed})
            page = await client.post("/signin", data={"name": "zoe", "password": typed})
        statuses.append((program.status_code, page.status_code))
    assert statuses == [(401, 401)] * len(others) + [(201, 303)]


async def test_b38_a_password_without_end_is_not_hashed(house: World, app: FastAPI) -> None:
    """A megabyte, also in characters of four bytes, is refused by its length, whoever it is for;
    thirty at once keep nobody from signing in."""
    async with asking(app) as client:
        for endless in ("x" * 1_000_000, "𝔐" * 200_000, "x" * 257):
            for name in ("ada", "nobody"):
                form = {"name": name, "password": endless}
                program = await client.post(f"{V1}/sessions", json=form)
                page = await client.post("/signin", data=form)
                assert program.status_code in (413, 422), endless[:3]
                assert page.status_code in (400, 413, 422), endless[:3]
                assert endless[:257] not in program.text + page.text
        flood = [client.post(f"{V1}/sessions", json=form) for _ in range(30)]
        await asyncio.gather(*flood)
        entered = await client.post("/signin", data={"name": "ada", "password": "x" * 20})
    assert entered.status_code == 401
