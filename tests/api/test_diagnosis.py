"""Why a terminal is silent: each verdict made true, what outweighs what, and who is told what."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI

from telemetry.diagnosis import Cause
from telemetry.model import Reason
from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import World, minutes_ago

ICCID = "89860425102099341174"
_SILENT_MINUTES = 60


def diagnosis_of(code: str) -> str:
    return f"/api/v1/terminals/{code}/diagnosis"


def run(house: World, *statements: str, **values: Any) -> None:
    """Make something so, as the superuser."""
    given = {"meter": house.ids["METER-1"], "now": minutes_ago(0), "iccid": ICCID} | values
    with psycopg.connect(house.database.superuser) as conn:
        for statement in statements:
            conn.execute(statement.encode(), given)


def fell_silent(house: World, code: str, at: datetime) -> None:
    """Its data stopped, and that was seen a while later."""
    house.measured(code, "smart_meter", at, voltage_a=231.0)
    run(
        house,
        "insert into telemetry.presence_change (time, terminal_id, fact, present) select"
        " silent_since, terminal_id, 'data', false from telemetry.presence where terminal_id ="
        " %(id)s",
        id=house.ids[code],
    )


@pytest.fixture
def quiet(house: World) -> World:
    """METER-1, with a password that is older, was heard an hour ago; METER-2 reports."""
    fell_silent(house, "METER-1", minutes_ago(_SILENT_MINUTES))
    house.measured("METER-2", "smart_meter", minutes_ago(0), voltage_a=231.0)
    run(
        house,
        "update telemetry.presence_clock set as_of = %(now)s",
        "update registry.credential set created_at = %(issued)s where terminal_id = %(meter)s",
        issued=minutes_ago(120),
    )
    return house


def state(name: str) -> Callable[[World], None]:
    return lambda house: run(
        house, "update registry.terminal set state = %(state)s where id = %(meter)s", state=name
    )


def sim(change: str) -> Callable[[World], None]:
    return lambda house: run(house, f"update registry.sim set {change} where iccid = %(iccid)s")


def session(up: bool) -> Callable[[World], None]:
    return lambda house: run(
        house,
        "update telemetry.presence set session_up = %(up)s, session_since = %(at)s"
        " where terminal_id = %(meter)s",
        up=up,
        at=minutes_ago(30),
    )


def violated(how: str) -> Callable[[World], None]:
    return lambda house: run(
        house,
        "insert into registry.binding (sim_id, mode, set_by)"
        " select id, 'first_seen', 'user:ada' from registry.sim where iccid = %(iccid)s",
        "update registry.binding set verdict = 'violated', violation = %(how)s",
        how=how,
    )


def refused(reason: Reason) -> Callable[[World], None]:
    return lambda house: (house.refused("METER-1", reason, b"{}"), None)[1]


def wrong_apn(house: World) -> None:
    sim("apn = 'cmiot'")(house)
    run(
        house,
        "insert into telemetry.identity (terminal_id, apn, heard_at, said_at) values"
        " (%(meter)s, 'cmnet', %(at)s, %(at)s)",
        at=minutes_ago(61),
    )


STORM = (
    "with storm as (insert into telemetry.alarm (rule_version, rule_name, severity, shared,"
    " shared_key, region_code, raised_at, last_at) values (1, 'storm', 'critical', 'apn',"
    " 'cmiot', 0, %(now)s, %(now)s) returning id) insert into telemetry.alarm (rule_version,"
    " rule_name, terminal_id, region_code, severity, raised_at, last_at, parent_id, quiet)"
    " select 1, 'silent', %(meter)s, 320500, 'major', %(now)s, %(now)s, id, true from storm"
)


def turned_away(minutes: int) -> Callable[[World], None]:
    return lambda house: run(
        house,
        "insert into registry.refused_login values (%(meter)s, 'wrong_password', 7, %(at)s, %(at)s)"
        " on conflict (terminal_id) do update set last_at = excluded.last_at",
        at=minutes_ago(minutes),
    )


def asleep(house: World) -> None:
    run(
        house,
        'update registry.profile set pauses = \'[{"after": "sleep", "until": "wake",'
        ' "reason": "asleep", "expected_interval_seconds": null}]\''
        " where code = 'smart_meter'",
    )
    house.happened("METER-1", minutes_ago(_SILENT_MINUTES), "sleep")


MADE: dict[Cause, Callable[[World], None]] = {
    Cause.SILENT: lambda house: None,
    Cause.RETIRED: state("retired"),
    Cause.ONLY_REGISTERED: state("registered"),
    Cause.ISOLATED: state("isolated"),
    Cause.MAINTENANCE: state("maintenance"),
    Cause.PLATFORM_FAULT: lambda house: run(
        house, "update telemetry.presence_clock set as_of = %(at)s", at=minutes_ago(5)
    ),
    Cause.PAUSED: asleep,
    Cause.SIM_CARRIES_NOTHING: sim("state = 'suspended'"),
    Cause.SIM_PERIOD_OVER: sim("state = 'testing', test_until = now() - interval '1 day'"),
    Cause.RIVAL_SIM: violated("rival_sim"),
    Cause.SEPARATION: violated("separation"),
    Cause.CLOCK_WRONG: refused(Reason.CLOCK),
    Cause.MESSAGES_REFUSED: refused(Reason.MALFORMED),
    Cause.WRONG_APN: wrong_apn,
    Cause.CREDENTIAL_REFUSED: turned_away(30),
    Cause.REGIONAL_OUTAGE: lambda house: run(house, STORM),
    Cause.CREDENTIAL_MISSING: lambda house: run(
        house, "update registry.credential set revoked_at = now()"
    ),
    Cause.CREDENTIAL_REPLACED: lambda house: run(
        house, "update registry.credential set created_at = now()"
    ),
    Cause.NEVER_CONNECTED: lambda house: run(
        house, "delete from telemetry.presence where terminal_id = %(meter)s"
    ),
    Cause.SESSION_WITHOUT_DATA: session(up=True),
    Cause.SESSION_LOST: session(up=False),
    Cause.WELL: lambda house: house.measured(
        "METER-1", "smart_meter", minutes_ago(0), voltage_a=231.0
    ),
    Cause.PARTLY_REFUSED: lambda house: (
        MADE[Cause.WELL](house),
        MADE[Cause.CLOCK_WRONG](house),
    )[1],
    Cause.NOT_COUNTED: lambda house: (MADE[Cause.WELL](house), state("testing")(house), None)[2],
}


@pytest.mark.parametrize("verdict", list(Cause))
async def test_each_verdict_is_given_where_it_is_true(
    quiet: World, app: FastAPI, verdict: Cause
) -> None:
    """With a sentence and what to do; the fact that it stands on is among the evidence."""
    MADE[verdict](quiet)
    async with asking(app, quiet.keys["admin"]) as client:
        answer = await client.get(diagnosis_of("METER-1"))
    found = answer.json()
    assert (answer.status_code, found["verdict"]) == (200, verdict), found["evidence"]
    assert found["detail"].endswith(".")
    assert (found["next_step"] is None) == (verdict in {Cause.WELL, Cause.RETIRED})
    assert {"state", "last_data", "session", "credential"} <= {e["fact"] for e in found["evidence"]}


async def test_a_storm_and_a_window_of_maintenance_are_causes(quiet: World, app: FastAPI) -> None:
    """As the alarms have them; the window, which somebody knows of, before the storm."""
    window = (
        "insert into telemetry.maintenance_window (why, region_code, terminal_id, begins_at,"
        " ends_at, made_by) values ('new mast', 320000, %(meter)s, %(now)s - interval '1 hour',"
        " %(now)s + interval '1 hour', 'user:ada')"
    )
    found = []
    async with asking(app, quiet.keys["admin"]) as client:
        for statement in (STORM, window):
            run(quiet, statement)
            found.append((await client.get(diagnosis_of("METER-1"))).json())
    assert [told["verdict"] for told in found] == ["regional_outage", "maintenance"]
    evidence = {piece["fact"]: piece["value"] for piece in found[1]["evidence"]}
    assert (evidence["storm"], "window" in evidence) == ("apn cmiot", True)


async def test_what_keeps_everything_away_comes_first(quiet: World, app: FastAPI) -> None:
    """A suspended SIM before a lost session, a deaf platform before both, its state before all."""
    verdicts = []
    async with asking(app, quiet.keys["admin"]) as client:
        for cause in (
            Cause.SESSION_LOST,
            Cause.MESSAGES_REFUSED,
            Cause.SIM_CARRIES_NOTHING,
            Cause.PLATFORM_FAULT,
            Cause.ISOLATED,
        ):
            MADE[cause](quiet)
            verdicts.append((await client.get(diagnosis_of("METER-1"))).json()["verdict"])
    assert verdicts == [
        "session_lost", "messages_refused", "sim_carries_nothing", "platform_fault", "isolated",
    ]  # fmt: skip


async def test_who_is_not_let_in_since_it_was_heard_is_refused(quiet: World, app: FastAPI) -> None:
    """Neither what was before, nor what the password explains; a storm does not count for more."""
    MADE[Cause.REGIONAL_OUTAGE](quiet)
    verdicts = []
    async with asking(app, quiet.keys["admin"]) as client:
        for make in (
            turned_away(_SILENT_MINUTES + 1),
            turned_away(10),
            MADE[Cause.CREDENTIAL_REPLACED],
            turned_away(-1),
            MADE[Cause.CREDENTIAL_MISSING],
        ):
            make(quiet)
            verdicts.append((await client.get(diagnosis_of("METER-1"))).json()["verdict"])
        MADE[Cause.SESSION_WITHOUT_DATA](quiet)
        verdicts.append((await client.get(diagnosis_of("METER-1"))).json()["verdict"])
    assert verdicts == [
        "regional_outage", "credential_refused", "regional_outage", "credential_refused",
        "credential_missing", "regional_outage",
    ]  # fmt: skip


async def test_what_is_not_theirs_is_no_evidence(quiet: World, app: FastAPI) -> None:
    """An agent is not told of the SIM, and is told so; to others it is as if it were not there."""
    sim("state = 'suspended'")(quiet)
    async with asking(app, quiet.keys["agent"]) as client:
        found = (await client.get(diagnosis_of("METER-1"))).json()
    async with asking(app, quiet.keys["transit"]) as client:
        foreign = await client.get(diagnosis_of("METER-1"))
    assert found["verdict"] == "silent"
    assert [e["value"] for e in found["evidence"] if e["fact"] == "not_yours"] == [
        "sims.read", "quarantine.read",
    ]  # fmt: skip
    assert not {e["fact"] for e in found["evidence"]} & {"sim_state", "apn", "apn_heard"}
    assert (foreign.status_code, foreign.json()["code"]) == (404, "terminal_not_found")


@pytest.mark.parametrize("verdict", [Cause.SIM_CARRIES_NOTHING, Cause.NEVER_CONNECTED])
async def test_the_console_says_it_with_its_evidence(
    quiet: World, app: FastAPI, verdict: Cause
) -> None:
    """On the terminal's page, in the reader's language."""
    MADE[verdict](quiet)
    async with asking(app) as client:
        await sign_in(client)
        english = (await client.get("/terminals/METER-1")).text
        client.cookies.set("muster_language", "zh")
        chinese = (await client.get("/terminals/METER-1")).text
    said = {
        Cause.SIM_CARRIES_NOTHING: ("Its SIM carries no data", "不能承载数据"),
        Cause.NEVER_CONNECTED: ("./muster publish METER-1", "./muster publish METER-1"),
    }[verdict]
    assert said[0] in english
    assert "Evidence" in english
    assert said[1] in chinese
    assert "依据" in chinese
