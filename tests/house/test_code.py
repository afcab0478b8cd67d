"""The house rules that a reader would otherwise have to keep an eye on."""

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import api
import broker_bridge
import deploy
import foundation
import registry
import telemetry
from foundation.errors import MusterError

ROOT = Path(__file__).parent.parent.parent
ROOMS = (foundation, registry, telemetry, broker_bridge, api, deploy)
WRITTEN = {".py", ".sql", ".html", ".css", ".js", ".sh", ""}
LONGEST = 400

# Verbs of a room that take no scope, and why.
WITHOUT_SCOPE = {
    "registry.api_keys.authenticate": "a key comes before its scope",
    "registry.api_keys.in_force": "the same",
    "registry.audit.tell_refusal": "who is refused may be nobody whom we know",
    "registry.jobs.finish": "a process's hold on a job that was asked for in scope",
    "registry.jobs.give_back": "the same",
    "registry.jobs.keep": "the same",
    "registry.jobs.take": "our own processes take everybody's jobs",
    "registry.sessions": "a session comes before its scope",
    "registry.sign_on.begin": "a sign-in comes before its scope",
    "registry.sign_on.take": "the same",
    "registry.work.asker": "it finds the scope of who asked",
    "telemetry.batches": "our own processes follow the feed of everybody",
    "telemetry.events": "the bridge stores what came, whoever sent it",
    "telemetry.notifications.channels.lead_otherwise": "of a channel that was found in scope",
    "telemetry.notifications.channels.send_test": "the same",
    "telemetry.notifications.posting.count": "figures of the whole, never of somebody",
    "telemetry.grounds": "of terminals found in scope, under row-level security as what is read",
    "telemetry.identities.hear": "the bridge keeps what everybody says",
    "telemetry.identities.refuse": "the bridge holds what everybody says against the rules",
    "telemetry.gauges": "figures of the whole, never of somebody",
    "telemetry.latest": "our own process keeps everybody's values",
    "telemetry.presence.list_heard": "of terminals that an undo has found in scope",
    "telemetry.quarantine": "the bridge stores what it refuses, whoever sent it",
    "telemetry.completeness.catch_up": "our own process counts everybody's messages",
    "telemetry.completeness.forget_sums": "our own process keeps everybody's sums",
    "telemetry.fragments": "the bridge takes every terminal's parts",
    "telemetry.conditions.catch_up": "our own process reads what it needs of everybody's readings",
    "telemetry.gaps": "the bridge records what everybody may have lost",
    "telemetry.receipts": "the bridge keeps account for whoever sent it",
    "telemetry.retention": "our own process drops and compresses everybody's readings",
    "telemetry.rollups": "our own process rolls up everybody's readings",
    "telemetry.supervision_days": "our own process takes everybody's days",
    "telemetry.watch": "our own process keeps everybody's presence",
    "telemetry.sight.profiles_in_window": "of a terminal that find_seen has found in scope",
}
# Verbs whose right another verb asks for, or none is needed.
ASKS_ELSEWHERE = {
    "registry.idempotency.begin": "the creation behind it asks",
    "registry.idempotency.forget": "row-level security lets only our own process",
    "registry.idempotency.keep": "the creation behind it asks",
    "registry.imports.exports.read_batch": "for each of the rights that its kind names",
    "registry.jobs.ask": "the verb that has something done asks",
    "registry.jobs.cancel": "the verb that gives something up asks",
    "registry.terminals.retire": "move_to asks",
    "registry.users.reach_of": "the finds that it calls ask",
}


def modules(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def own_files() -> Iterator[Path]:
    places = [ROOT / package.__name__ for package in ROOMS] + [ROOT / "tests"]
    for place in places:
        for path in place.rglob("*"):
            vendored = {"vendor", "__pycache__", "data", "node_modules"} & set(path.parts)
            if path.is_file() and path.suffix in WRITTEN and not vendored:
                yield path
    yield ROOT / "muster"


def verbs(*rooms: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The public async functions of rooms that work on a connection, by their full names."""
    for room in rooms:
        for module in modules(room):
            for name, function in inspect.getmembers(module, inspect.iscoroutinefunction):
                given = list(inspect.signature(function).parameters)
                own = function.__module__ == module.__name__ and not name.startswith("_")
                if own and given[:1] == ["conn"]:
                    yield f"{module.__name__}.{name}", function


def test_no_file_is_longer_than_a_reader_bears() -> None:
    """Past 400 lines a file is two files."""
    long = {
        str(path.relative_to(ROOT)): count
        for path in own_files()
        if (count := path.read_bytes().count(b"\n")) > LONGEST
    }

    assert long == {}


def test_every_verb_knows_who_asks() -> None:
    """A verb of the rooms takes (conn, scope, ...), or stands in the list with its reason."""
    unscoped = {
        name
        for name, verb in verbs(registry, telemetry)
        if list(inspect.signature(verb).parameters)[1:2] != ["scope"]
    }

    explained = {
        name
        for name in unscoped
        if name in WITHOUT_SCOPE or name.rpartition(".")[0] in WITHOUT_SCOPE
    }
    assert unscoped - explained == set()


def test_every_scoped_verb_of_the_registry_asks_for_its_right_first() -> None:
    """`scope.require(...)` is the first thing a verb does, before the database hears of it."""
    late = set()
    for name, verb in verbs(registry):
        if "scope" not in inspect.signature(verb).parameters or name in ASKS_ELSEWHERE:
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(verb))).body[0]
        assert isinstance(tree, ast.AsyncFunctionDef)
        if not ast.unparse(tree.body[1]).startswith("scope.require("):
            late.add(name)

    assert late == set()


def test_no_verb_commits() -> None:
    """The caller owns the transaction: no verb begins, commits or rolls back one."""
    ending = {"commit", "rollback", "transaction", "set_autocommit"}
    found = set()
    for name, verb in verbs(registry):
        tree = ast.parse(textwrap.dedent(inspect.getsource(verb)))
        called = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        if called & ending:
            found.add(name)

    assert found == set()


@pytest.mark.parametrize("package", ROOMS, ids=lambda package: package.__name__)
def test_every_door_has_a_plate(package: ModuleType) -> None:
    """A package's `__init__` says what lives there; every module says what it is."""
    silent = [module.__name__ for module in modules(package) if not module.__doc__]

    assert silent == []


PURE = ("registry.model", "registry.identifiers", "registry.sim_model", "registry.profile_document",
        "registry.reserved_names", "telemetry.model", "telemetry.tables", "telemetry.sampling",
        "telemetry.filling", "telemetry.thinning", "telemetry.resolution", "telemetry.pieces",
        "broker_bridge.topics", "broker_bridge.batch", "broker_bridge.decoders")  # fmt: skip
WORLDLY = {"asyncio", "psycopg", "psycopg_pool", "socket", "os", "pathlib", "threading", "time",
           "subprocess", "foundation.database", "foundation.settings"}  # fmt: skip


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_do_no_io(name: str) -> None:
    """What is pure imports nothing that could wait, look at a clock or touch the world."""
    for module in modules_below(name):
        tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
        imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import)]
        imported = {alias.name for n in imports for alias in n.names}
        imported |= {str(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert imported & WORLDLY == set(), module.__name__


def modules_below(name: str) -> list[ModuleType]:
    module = importlib.import_module(name)
    return list(modules(module)) if hasattr(module, "__path__") else [module]


def test_error_codes_are_stable_names_of_one_error() -> None:
    """Programs act on the `code` of an API's answer: each is snake_case and means one thing."""
    for package in ROOMS:
        list(modules(package))  # so that every error is known
    codes = [
        error.code
        for error in own_errors(MusterError)
        if "code" in vars(error) and not error.__module__.startswith(("deploy.", "tests."))
    ]

    assert [code for code in codes if not code.replace("_", "").isalpha()] == []
    assert {code: n for code, n in Counter(codes).items() if n > 1} == {}


def own_errors(root: type[MusterError]) -> Iterator[type[MusterError]]:
    yield root
    for error in root.__subclasses__():
        yield from own_errors(error)


def test_the_locks_name_one_version_of_each_package() -> None:
    """What is tested is what runs: the same package is of the same version in every lock."""
    versions: dict[str, dict[str, str]] = {}
    for lock in sorted(ROOT.glob("requirements*.lock")):
        for name, version in re.findall(r"^([a-z0-9._-]+)==(\S+)", lock.read_text(), re.MULTILINE):
            versions.setdefault(name, {})[lock.name] = version
    assert len(versions) > 50
    assert {n: found for n, found in versions.items() if len(set(found.values())) > 1} == {}
