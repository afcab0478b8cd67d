"""The second factor: enrolled, asked for, taken once, lost and reset."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import SimpleNamespace

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from fastapi import FastAPI

from api.app import create_app
from api.throttle import PAIR
from foundation.settings import Settings
from registry import second_factor
from tests.api.conftest import asking
from tests.api.test_accounts import NEW, V1, sign_in
from tests.api.world import JIANGSU, PASSWORD, World

KEY = "n8XJ2f0o1VZbq7Lr5sKd9uWc3hTy6gMa"
RFC_SECRET = b"12345678901234567890"

Started = Callable[..., AbstractAsyncContextManager[FastAPI]]


@pytest.fixture
def started(house: World) -> Started:
    """Starts the application with settings of a production."""

    @asynccontextmanager
    async def start(**settings: str | int) -> AsyncIterator[FastAPI]:
        given = {"database_url": house.database.api, "secret_key": KEY} | settings
        application = create_app(Settings.model_validate(given))
        async with application.router.lifespan_context(application):
            yield application

    return start


class Phone:
    """An app of codes, and the clock of it and of the server."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.secret = b""

    def time(self) -> float:
        """Unix seconds."""
        return self.now

    def code(self, steps: int = 0) -> str:
        """The code that the app shows, or showed some steps before now."""
        totp = TOTP(self.secret, 6, SHA1(), 30)
        return totp.generate(int(self.now) + steps * 30).decode()

    async def enrol(self, client: httpx.AsyncClient) -> list[str]:
        """Enrol at the account of a session; the recovery codes."""
        begun = (await client.post(f"{V1}/me/second-factor")).json()
        self.secret = base64.b32decode(begun["secret"])
        confirmed = await client.post(
            f"{V1}/me/second-factor/confirmation", json={"code": self.code()}
        )
        assert confirmed.status_code == 200, confirmed.text
        self.now += 30
        codes: list[str] = confirmed.json()["recovery_codes"]
        return codes


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> Phone:
    """A phone whose clock the server shares."""
    phone = Phone()
    monkeypatch.setattr("registry.second_factor.time", SimpleNamespace(time=phone.time))
    return phone


async def give(client: httpx.AsyncClient, code: str) -> httpx.Response:
    """The second step of a sign-in."""
    return await client.post(f"{V1}/sessions/second-factor", json={"code": code})


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"),
        (2000000000, "279037"), (20000000000, "353130"),
    ],
)  # fmt: skip
def test_codes_are_those_of_the_standard(at: int, code: str) -> None:
    """RFC 6238, appendix B, the last six digits; one step early or late is taken, two are not."""
    assert second_factor.step_of(RFC_SECRET, code, at) == at // 30
    assert second_factor.step_of(RFC_SECRET, code, at + 30) == at // 30
    assert second_factor.step_of(RFC_SECRET, code, at + 60) is None


async def test_who_commands_enrols_before_anything_else(started: Started, phone: Phone) -> None:
    """Production: a session of an administrator does nothing until a code confirmed the app."""
    async with started() as app, asking(app) as client:
        opened = await sign_in(client, "ada")
        me = await client.get(f"{V1}/me")
        refused = [
            await client.get(f"{V1}/terminals"),
            await client.get(f"{V1}/me/sessions"),
            await client.put(f"{V1}/me/password", json={"current": PASSWORD, "new": NEW}),
            await client.delete(f"{V1}/users/jin/sessions"),
        ]
        before = client.cookies["muster_session"]
        codes = await phone.enrol(client)
        after = await client.get(f"{V1}/terminals")
        again = await client.post(f"{V1}/me/second-factor")

    assert opened.json() == {"name": "ada", "awaits": "enrolment"}
    assert me.json()["rights"] == ["account.enrol", "account.read"]
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {
        (403, "second_factor_needed")
    }
    assert (after.status_code, client.cookies["muster_session"] != before) == (200, True)
    assert (again.status_code, again.json()["code"]) == (409, "second_factor_there")
    assert len(set(codes)) == 10


async def test_a_sign_in_waits_for_the_code_and_takes_it_once(
    started: Started, phone: Phone
) -> None:
    """Until then it sees only itself; the same code opens no second session, nor an older one."""
    async with started() as app, asking(app) as client, asking(app) as thief:
        await sign_in(client, "ada")
        await phone.enrol(client)
        phone.now += 30
        pending = await sign_in(client, "ada")
        refused = [
            await client.get(f"{V1}/terminals"),
            await client.put(f"{V1}/me/password", json={"current": PASSWORD, "new": NEW}),
            await client.post(f"{V1}/me/second-factor"),
            await client.post(f"{V1}/me/second-factor/removal", json={"code": phone.code()}),
        ]
        wrong = await give(client, "000000")
        first = client.cookies["muster_session"]
        right = await give(client, phone.code())
        second = client.cookies["muster_session"]
        seen = await client.get(f"{V1}/terminals")
        await sign_in(thief, "ada")
        reused = [await give(thief, phone.code()), await give(thief, phone.code(-1))]
        stale = await asked_with(app, first)

    assert pending.json()["awaits"] == "second_factor"
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {
        (403, "second_factor_pending")
    }
    assert (wrong.status_code, wrong.json()["code"]) == (422, "code_wrong")
    assert (right.json(), seen.status_code) == ({"name": "ada", "awaits": None}, 200)
    assert [answer.json()["code"] for answer in reused] == ["code_wrong"] * 2
    assert (first != second, stale) == (True, 401)


async def test_one_code_opens_one_of_two_sessions_at_once(started: Started, phone: Phone) -> None:
    """Two who send the same code at the same moment: one of them is in."""
    async with started() as app, asking(app) as one, asking(app) as other:
        await sign_in(one, "ada")
        await phone.enrol(one)
        await sign_in(one, "ada")
        await sign_in(other, "ada")
        answers = await asyncio.gather(give(one, phone.code()), give(other, phone.code()))

    assert sorted(answer.status_code for answer in answers) == [200, 422]


async def test_a_recovery_code_is_good_for_one_sign_in(started: Started, phone: Phone) -> None:
    """Typed as people type; with it the app can be removed, and new codes replace the old."""
    async with started() as app, asking(app) as client:
        await sign_in(client, "ada")
        codes = await phone.enrol(client)
        await sign_in(client, "ada")
        taken = await give(client, f" {codes[0].upper().replace('-', ' ')} ")
        await sign_in(client, "ada")
        again = await give(client, codes[0])
        other = await give(client, codes[1])
        renewed = await client.post(
            f"{V1}/me/second-factor/recovery-codes", json={"code": phone.code()}
        )
        old = await client.post(f"{V1}/me/second-factor/removal", json={"code": codes[2]})
        removed = await client.post(
            f"{V1}/me/second-factor/removal", json={"code": renewed.json()["recovery_codes"][0]}
        )
        then = await client.get(f"{V1}/terminals")

    assert (taken.status_code, again.status_code, other.status_code) == (200, 422, 200)
    assert (renewed.status_code, old.status_code, removed.status_code) == (200, 422, 204)
    assert then.json()["code"] == "second_factor_needed"


@pytest.mark.parametrize(
    ("demand", "awaited"),
    [("off", None), ("commanding", None), ("everyone", "enrolment")],
)
async def test_who_needs_one_is_the_deployments_to_say(
    started: Started, demand: str, awaited: str | None
) -> None:
    """A supervisor commands nothing, and is asked only where everybody is."""
    async with started(second_factor=demand) as app, asking(app) as client:
        opened = await sign_in(client, "jin")

    assert opened.json()["awaits"] == awaited


async def test_who_has_one_is_asked_for_it_wherever(started: Started, phone: Phone) -> None:
    """Somebody who likes one has it, though the deployment asks nobody; other sessions end."""
    async with started(second_factor="off") as app, asking(app) as client, asking(app) as other:
        await sign_in(client, "jin")
        await sign_in(other, "jin")
        await phone.enrol(client)
        after = (await other.get(f"{V1}/me")).status_code
        opened = await sign_in(other, "jin")

    assert (after, opened.json()["awaits"]) == (401, "second_factor")


async def test_without_a_key_nothing_is_enrolled(house: World, app: FastAPI) -> None:
    """The remedy says what is missing; nothing of a secret is kept."""
    async with asking(app) as client:
        await sign_in(client, "jin")
        refused = await client.post(f"{V1}/me/second-factor")

    assert (refused.status_code, refused.json()["code"]) == (409, "secret_key_missing")
    assert "MUSTER_SECRET_KEY_FILE" in refused.json()["remedy"]


async def test_an_administrator_resets_a_lost_one(
    house: World, started: Started, phone: Phone
) -> None:
    """Its owner is out everywhere, and signs in with the password to enrol anew."""
    async with (
        started(second_factor="everyone") as app,
        asking(app) as client,
        asking(app, house.keys["admin"]) as admin,
    ):
        await sign_in(client, "jin")
        await phone.enrol(client)
        shown = (await admin.get(f"{V1}/users/jin")).json()
        reset = await admin.delete(f"{V1}/users/jin/second-factor")
        out = await client.get(f"{V1}/terminals")
        opened = await sign_in(client, "jin")

    assert shown["second_factor_at"] is not None
    assert (reset.status_code, out.status_code) == (204, 401)
    assert opened.json()["awaits"] == "enrolment"


async def test_the_secret_is_sealed_and_bound_to_its_user(
    house: World, started: Started, phone: Phone
) -> None:
    """The database does not hold it in the clear; in another user's row it opens nothing."""
    async with started(second_factor="off") as app, asking(app) as client:
        await sign_in(client, "jin")
        await phone.enrol(client)
        with psycopg.connect(house.database.superuser, autocommit=True) as conn:
            row = conn.execute(
                "update registry.user_account t set second_factor_at = now(),"
                " sealed_second_factor = f.sealed_second_factor from registry.user_account f"
                " where f.name = 'jin' and t.name = 'sam' returning f.sealed_second_factor"
            ).fetchone()
        await sign_in(client, "sam")
        swapped = await give(client, phone.code())

    assert row is not None
    assert phone.secret not in row[0]
    assert (swapped.status_code, swapped.json()["code"]) == (500, "internal_error")


async def test_a_sign_in_does_not_wait_for_ever(
    house: World, started: Started, phone: Phone
) -> None:
    """Ten minutes after the password it is over, however right the code."""
    async with started() as app, asking(app) as client:
        await sign_in(client, "ada")
        await phone.enrol(client)
        await sign_in(client, "ada")
        with psycopg.connect(house.database.superuser, autocommit=True) as conn:
            conn.execute(
                "update registry.user_session set created_at = now() - interval '11 minutes'"
                " where second_factor_at is null"
            )
        late = await give(client, phone.code())

    assert late.status_code == 401


async def test_guessing_codes_is_slowed_down(started: Started, phone: Phone) -> None:
    """A million codes, some tries a minute: after a few wrong ones even the right one waits."""
    async with started() as app, asking(app) as client:
        await sign_in(client, "ada")
        await phone.enrol(client)
        await sign_in(client, "ada")
        wrong = [(await give(client, "12345x")).status_code for _ in range(PAIR.free_failures)]
        right = await give(client, phone.code())

    assert set(wrong) == {422}
    assert right.status_code == 429


async def test_an_old_password_is_changed_first(house: World, started: Started) -> None:
    """Where the deployment has passwords age: nothing else until it is new."""
    async with started(second_factor="off", password_max_age_days=90) as app, asking(app) as client:
        with psycopg.connect(house.database.superuser, autocommit=True) as conn:
            conn.execute(
                "update registry.user_account set password_changed_at = now() - interval '91 days'"
                " where name = 'jin'"
            )
        opened = await sign_in(client, "jin")
        changed = await client.put(f"{V1}/me/password", json={"current": PASSWORD, "new": NEW})
        me = await client.get(f"{V1}/me")

    assert (opened.json()["awaits"], changed.status_code) == ("password", 204)
    assert (me.json()["awaits"], me.json()["region"]) == (None, JIANGSU)


async def asked_with(app: FastAPI, token: str) -> int:
    """What a session's token is answered."""
    async with asking(app) as client:
        client.cookies.set("muster_session", token)
        return (await client.get(f"{V1}/me")).status_code
