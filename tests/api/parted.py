"""A country parted between two provinces and two clients, in which everything says whose it is.

HOME-01   suzhou-power's, in Suzhou                    BRANCH1   its branch's, in Hangzhou
AWAY-01   suzhou-power's, in Hangzhou                  GUEST-1   hangzhou-transit's, in Suzhou
TRAM-01   hangzhou-transit's, in Hangzhou              MOVED-1   that went from power to transit

Beside them stands what clients below these two have to do with each other: `dealing`.

Each has words that stand nowhere else: `World.words` says who may meet them.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from stdnum import luhn

from foundation.database import Connection, open_pool, transaction
from registry import api_keys, enrolment, group_clients, ownership, profiles, sims, users
from registry.enrolment import Draft, InstalledSim
from registry.identifiers import Iccid, Imei, Imsi, TerminalCode
from registry.model import RegionCode, SimState, TerminalState
from registry.scope import ROLES, SERVING_ROLES, Right, Role, Scope
from tests.api import alarmed, bound, dealing, importing, kept, parted_rows, serving, world
from tests.api.dealing import Word
from tests.api.world import HANGZHOU, JIANGSU, PASSWORD, POWER, SUZHOU, SYSTEM, TRANSIT, ZHEJIANG
from tests.conftest import Database

BRANCH = "power-branch"
OPERATOR = Scope.of_role("user:operator", Role.ADMIN)
A_DAY = 24 * 60  # minutes


def _with_luhn(digits: str) -> str:
    return digits + str(luhn.calc_check_digit(digits))


# What a caller looks from: a region, a client, everything, nothing.
REGIONS = {"jiangsu": JIANGSU, "zhejiang": ZHEJIANG}
CLIENTS = {"power": POWER, "transit": TRANSIT}
CITIES = {"jiangsu": SUZHOU, "zhejiang": HANGZHOU, "power": SUZHOU, "transit": HANGZHOU}
EVERYBODY = frozenset({*REGIONS, *CLIENTS, "nothing"})
_NOBODY: frozenset[str] = frozenset()
_OF_REGION = (Role.OPERATOR, Role.SUPERVISOR)
_OF_CLIENT = (Role.ACCOUNT_MANAGER, Role.AGENT, Role.CLIENT_ADMIN, Role.CLIENT_VIEWER)

# Who sees a terminal: the region where it is, its owner and who is above it, and the region that
# supervises its owner.
TERMINALS: Mapping[str, frozenset[str]] = {
    "HOME-01": frozenset({"jiangsu", "power"}),
    "AWAY-01": frozenset({"jiangsu", "zhejiang", "power"}),
    "BRANCH1": frozenset({"zhejiang", "power"}),
    "GUEST-1": frozenset({"jiangsu", "zhejiang", "transit"}),
    "TRAM-01": frozenset({"zhejiang", "transit"}),
    "MOVED-1": frozenset({"zhejiang", "transit"}),
}
SIMS: Mapping[str, frozenset[str]] = {
    _with_luhn(f"8986042510209934{k:03}"): viewers for k, viewers in enumerate(TERMINALS.values())
}
# The number of a certificate of each.
CERTIFICATES = {code: f"c0ffee{k:010x}" for k, code in enumerate(TERMINALS)}
# Who sees some moment of it: of MOVED-1 its former owner sees the own past, and so does Jiangsu.
MOMENTS: Mapping[str, frozenset[str]] = {**TERMINALS} | {"MOVED-1": EVERYBODY - {"nothing"}}
FILES: Mapping[str, frozenset[str]] = {
    POWER: frozenset({"jiangsu", "power"}),
    BRANCH: frozenset({"zhejiang", "power"}),
    TRANSIT: frozenset({"zhejiang", "transit"}),
}
TITLES = {POWER: "Tiger Hill Power", BRANCH: "Dragon Well Power", TRANSIT: "West Lake Trams"}
# People whom others manage, and programs; an operator is the headquarters' to manage.
USERS: Mapping[str, frozenset[str]] = {
    "ping.power": frozenset({"power"}),
    "bo.branch": frozenset({"power"}),
    "tian.transit": frozenset({"transit"}),
    "ou.jiangsu": _NOBODY,
}
KEYS: Mapping[str, frozenset[str]] = {
    f"mk_{name.partition('.')[0]:-<8}": viewers for name, viewers in USERS.items()
}
SESSIONS = {name: f"00000000-0000-4000-8000-00000000000{k}" for k, name in enumerate(USERS)}
# Refused messages, by the seconds digits of their numbers; None was nobody's.
_PAST = frozenset({"zhejiang", "jiangsu", "power"})
REFUSED: Mapping[str, frozenset[str]] = {
    **{f"100000{k}": viewers for k, viewers in enumerate(TERMINALS.values())},
    "1000011": _PAST,  # of MOVED-1, before it moved
    "1000012": _NOBODY,  # of HOME-01, telling of another owner's time
    "1000013": _NOBODY,  # of a stranger
}
# Replays that a user asked for who is none of the callers.
REPLAYS: Mapping[str, frozenset[str]] = {"2000001": _NOBODY}
# Collections, by their numbers: a client's, and an operator's in a province.
COLLECTIONS: Mapping[str, frozenset[str]] = {
    "1000001": FILES[POWER],
    "1000002": FILES[TRANSIT],
    "1000003": frozenset({"jiangsu"}),
    "1000004": frozenset({"zhejiang"}),
}
# Audit entries, by their numbers: one of each client, and one of the operator itself.
ENTRIES: Mapping[str, frozenset[str]] = {
    **{f"100000{k}": viewers for k, viewers in enumerate(FILES.values())},
    "1000011": _NOBODY,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks: by `key` at the JSON routes, by user `name` at the pages."""

    name: str
    role: Role | None
    view: str
    key: str | None = None

    @property
    def rights(self) -> frozenset[Right]:
        return ROLES[self.role] if self.role else frozenset()

    @property
    def city(self) -> RegionCode:
        """Where this caller would put something new."""
        return CITIES.get(self.view, SUZHOU)

    def sees(self, viewers: frozenset[str]) -> bool:
        """Whether a thing that these see is this caller's to see."""
        return self.view == "everything" or self.view in viewers

    def may_meet(self, word: Word) -> bool:
        """Whether a word may stand in an answer to this caller."""
        may_read = self.sees(word.viewers) and word.right in self.rights
        is_told = self.sees(word.told) and Right.AUDIT_READ in self.rights
        return word.text == self.name or may_read or is_told


@dataclass(frozen=True, slots=True)
class Parted:
    """The country, who asks in it, and the words that tell whose is what."""

    world: world.World
    callers: tuple[Caller, ...]
    words: tuple[Word, ...]


async def build(database: Database) -> Parted:
    """Bring the country into a database that nobody has used."""
    small = await world.build(database)
    async with (
        await open_pool(database.owner, name="parted", max_size=1) as pool,
        transaction(pool, SYSTEM.settings()) as conn,
    ):
        await _clients(conn)
        words = await _terminals(conn)
        await serving.release(conn)
        callers = [await _appointed(conn, *who) for who in _people()]
        await _managed(conn)
        cursor = await conn.execute("select code, id from registry.terminal")
        ids = {row["code"]: row["id"] async for row in cursor}
        await ownership.transfer(
            conn, SYSTEM, "MOVED-1", TRANSIT, effective_at=world.minutes_ago(A_DAY)
        )
        words += await dealing.build(conn)
        await serving.build(conn)
    known = world.World(database, small.keys, ids)
    words += _said(known)
    words += [Word(code, viewers, Right.TERMINALS_READ) for code, viewers in MOMENTS.items()]
    for code, viewers in FILES.items():
        words.append(Word(code, viewers, Right.GROUP_CLIENTS_READ))
        words.append(Word(TITLES[code], viewers, Right.GROUP_CLIENTS_READ))
    for (name, viewers), prefix, told in zip(
        USERS.items(), KEYS, (*FILES.values(), _NOBODY), strict=True
    ):
        words.append(Word(name, viewers, Right.USERS_READ, told))
        words.append(Word(prefix, viewers, Right.API_KEYS_READ, told))
    for caller in callers:
        own = caller.role in (Role.CLIENT_ADMIN, Role.CLIENT_VIEWER)
        viewers = frozenset({caller.view} if own else ())
        told = FILES[CLIENTS[caller.view]] if own else _NOBODY
        if caller.role in SERVING_ROLES:
            words.append(Word(caller.name, EVERYBODY, Right.ASSIGNMENTS_READ))
        else:
            words.append(Word(caller.name, viewers, Right.USERS_READ, told))
        words.append(Word(f"key of {caller.name}", viewers, Right.API_KEYS_READ, told))
    nobody = Caller("nobody", None, "nothing")
    return Parted(known, (nobody, *callers), tuple(words))


async def _clients(conn: Connection) -> None:
    await group_clients.register(
        conn, SYSTEM, code=BRANCH, name=BRANCH, region=HANGZHOU, industry="power", tier="gold",
        parent=POWER,
    )  # fmt: skip
    for code, title in TITLES.items():
        await conn.execute(
            "update registry.group_client set name = %s where code = %s", (title, code)
        )


async def _terminals(conn: Connection) -> list[Word]:
    """Everybody's terminals, each with a modem and a SIM; the words of what they are."""
    smart_meter = (await profiles.find(conn, SYSTEM, "smart_meter")).id
    ids = {code: (await group_clients.find(conn, SYSTEM, code)).id for code in FILES}
    drafts = []
    words: list[Word] = []
    for k, (code, owner, city) in enumerate(
        (
            ("HOME-01", POWER, SUZHOU),
            ("AWAY-01", POWER, HANGZHOU),
            ("BRANCH1", BRANCH, HANGZHOU),
            ("GUEST-1", TRANSIT, SUZHOU),
            ("TRAM-01", TRANSIT, HANGZHOU),
            ("MOVED-1", POWER, HANGZHOU),
        )
    ):
        imei, iccid = _with_luhn(f"8612340567800{k}"), list(SIMS)[k]
        sim = InstalledSim(Iccid.parse(iccid), Imsi.parse(f"46004000000000{k}"))
        name = f"name of {code}"
        drafts.append(
            Draft(
                code=TerminalCode.parse(code), profile_id=smart_meter, region_code=city,
                group_client_id=ids[owner], name=name, state=TerminalState.IN_SERVICE,
                imei=Imei.parse(imei), sim=sim,
            )
        )  # fmt: skip
        words.append(Word(name, TERMINALS[code], Right.TERMINALS_READ, FILES[owner]))
        words.append(Word(imei, TERMINALS[code], Right.TERMINALS_READ, FILES[owner]))
        words.append(Word(iccid, TERMINALS[code], Right.SIMS_READ, FILES[owner]))
    await enrolment.enrol(conn, SYSTEM, drafts)
    for draft, viewers, letter in zip(drafts, TERMINALS.values(), _LETTERS, strict=False):
        assert draft.sim is not None
        told = next(FILES[code] for code, owner in ids.items() if owner == draft.group_client_id)
        for state in (SimState.SUSPENDED, SimState.ACTIVE):
            reason = f"{state} for {letter}"
            await sims.move(conn, OPERATOR, draft.sim.iccid, state, reason=reason)
            seen = _PAST if str(draft.code) == "MOVED-1" else viewers
            words.append(Word(reason, seen, Right.SIMS_READ, told))
    return words


def _said(known: world.World) -> list[Word]:
    """What each terminal measured and what was refused of it, in words of its own."""
    words = _spoke(known, "MOVED-1", 2 * A_DAY, 7, _PAST)
    for k, code in enumerate(TERMINALS):
        words += _spoke(known, code, 10, k, TERMINALS[code])
    for k, viewers in enumerate(REFUSED.values()):
        words.append(Word(f"detail {_LETTERS[k]}", viewers, Right.QUARANTINE_READ))
        words.append(Word(base64.b64encode(_payload(k)).decode(), viewers, Right.QUARANTINE_READ))
    with psycopg.connect(known.database.superuser, autocommit=True) as conn:
        for code in TERMINALS:
            given = {"id": known.ids[code], "gateway": known.ids["SPARE-1"], "name": code}
            parted_rows.put_behind(conn, given)
            number = [*TERMINALS].index(code)
            words += bound.bind(conn, known.ids[code], number, _LETTERS[number], TERMINALS[code])
            conn.execute(
                "insert into registry.certificate"
                " (terminal_id, serial, fingerprint, not_before, not_after)"
                " values (%s, %s, %s, now(), now() + interval '1 day')",
                (known.ids[code], serial := CERTIFICATES[code], serial.zfill(64)),
            )
            words.append(Word(serial, TERMINALS[code], Right.TERMINALS_READ))
        parted_rows.put_sets(conn)
        words += alarmed.put(conn, TERMINALS, COLLECTIONS) + kept.put(conn)
        for code, viewers in FILES.items():
            parted_rows.put_file(conn, code, f"survey of {TITLES[code]}")
            words.append(Word(f"survey of {TITLES[code]}", viewers, Right.CLIENT_FILES_READ))
        words += [
            Word(parted_rows.set_name(number), viewers, Right.COLLECTIONS_READ)
            for number, viewers in COLLECTIONS.items()
        ]
        for code, minutes in (*((code, 10) for code in TERMINALS), ("MOVED-1", 2 * A_DAY)):
            conn.execute(
                "insert into telemetry.presence_change values (%s, %s, 'data', true)",
                (world.minutes_ago(minutes), known.ids[code]),
            )
            conn.execute(
                "insert into telemetry.quarantine_fault select at::date, %s, 'clock', at, at, 9,"
                " 90, 1, 10, 'topic', 'detail' from (select %s::timestamptz) m(at)",
                (known.ids[code], world.minutes_ago(minutes)),
            )
        for entry, client in zip(ENTRIES, (*FILES, None), strict=True):
            conn.execute(
                "insert into registry.audit (id, tenant, actor, scope, action, outcome)"
                " overriding system value values (%s, coalesce((select id from"
                " registry.group_client where code = %s), 0), 'user:x', '{}', 'x', 'done')",
                (entry, client),
            )
        for view in REGIONS:
            conn.execute(
                "insert into registry.idempotency (actor, key_hash, fingerprint, status, headers,"
                " sealed_body) values (%s, sha256('key'), '', 201, '{}', '')",
                (f"user:operator.{view}",),
            )
        importing.settle(conn, REGIONS)
        for replay in REPLAYS:
            conn.execute(
                "insert into telemetry.replay overriding system value values (%s, now(), 'user:x')",
                (replay,),
            )
            conn.execute("insert into telemetry.replay_item values (%s, 1)", (replay,))
        for k, item in enumerate(REFUSED):
            whose: str | None = (*TERMINALS, "MOVED-1", "HOME-01", None)[k]
            conn.execute(
                "insert into telemetry.quarantine (id, received_at, last_received_at, bridge,"
                " topic, terminal_id, reason, detail, payload, payload_bytes, digest)"
                " overriding system value values (%s, %s, %s, 'bridge-1', 'topic', %s, %s, %s, %s,"
                " %s, %s)",
                (
                    item,
                    (at := world.minutes_ago(2 * A_DAY if item == "1000011" else 5)),
                    at,
                    whose and known.ids[whose],
                    "other_owner" if item == "1000012" else "malformed",
                    f"detail {_LETTERS[k]}",
                    _payload(k),
                    len(_payload(k)),
                    item.encode(),
                ),
            )
    return words


def _spoke(
    known: world.World, code: str, minutes: int, k: int, viewers: frozenset[str]
) -> list[Word]:
    """A reading and an event of a terminal, so long ago."""
    at, volts, event = world.minutes_ago(minutes), 200 + k + 0.1875, f"event {_LETTERS[k]}"
    boots = f"given up {_LETTERS[k]}", f"missing {_LETTERS[k]}"
    reason = f"moved {_LETTERS[k]}"
    known.measured(code, "smart_meter", at, voltage_a=volts)
    known.happened(code, at, "tick", event)
    with psycopg.connect(known.database.superuser, autocommit=True) as conn:
        given = {"id": known.ids[code], "at": at, "given_up": boots[0], "missing": boots[1]}
        given["reason"] = reason
        for statement in parted_rows.ACCOUNTS:
            conn.execute(statement, given)
    # Of the past of a terminal that changed hands, who sees it as it is now and saw it then.
    still = viewers & TERMINALS[code]
    return [
        Word(reason, still, Right.TERMINALS_READ),
        *(Word(boot, viewers, Right.TELEMETRY_READ) for boot in boots),
        Word(str(volts), viewers, Right.TELEMETRY_READ),
        Word(event, viewers, Right.TELEMETRY_READ),
    ]


_LETTERS = ("alder", "birch", "cedar", "ebony", "hazel", "larch", "maple", "olive", "rowan")


def _payload(k: int) -> bytes:
    return f"payload {_LETTERS[k]}".encode()


def _people() -> list[tuple[Role, str]]:
    """Each role on both sides, with its view."""
    return [
        (Role.ADMIN, "everything"),
        (Role.SCRAPER, "nothing"),
        *((role, view) for role in _OF_REGION for view in REGIONS),
        *((role, view) for role in _OF_CLIENT for view in CLIENTS),
    ]


async def _appointed(conn: Connection, role: Role, view: str) -> Caller:
    """A person and a key of a role that look from somewhere."""
    name = f"{role}.{view}"
    reach: dict[str, Any] = {}
    if view in REGIONS:
        reach["region"] = REGIONS[view]
    if view in CLIENTS:
        reach["group_clients"] = [CLIENTS[view]]
    await users.appoint(conn, SYSTEM, name=name, password=PASSWORD, role=role, **reach)
    issued = await api_keys.issue(conn, SYSTEM, name=f"key of {name}", role=role, **reach)
    return Caller(name, role, view, issued.secret)


async def _managed(conn: Connection) -> None:
    """People and programs that are only asked about, under names and prefixes that are known."""
    reaches: tuple[dict[str, Any], ...] = (
        {"role": Role.CLIENT_VIEWER, "group_clients": [POWER]},
        {"role": Role.CLIENT_VIEWER, "group_clients": [BRANCH]},
        {"role": Role.CLIENT_ADMIN, "group_clients": [TRANSIT]},
        {"role": Role.OPERATOR, "region": JIANGSU},
    )
    for name, prefix, reach in zip(USERS, KEYS, reaches, strict=True):
        await users.appoint(conn, SYSTEM, name=name, password=PASSWORD, **reach)
        issued = await api_keys.issue(conn, SYSTEM, name="a program", **reach)
        await conn.execute(
            "update registry.api_key set prefix = %s where prefix = %s", (prefix, issued.key.prefix)
        )
        await conn.execute(
            "insert into registry.user_session (id, token_hash, user_id, expires_at)"
            " select %s::uuid, sha256(%s), id, now() + interval '1 h' from registry.user_account"
            " where name = %s",
            (SESSIONS[name], name.encode(), name),
        )
