"""Lists of terminals: every filter, and pages that neither skip nor repeat."""

import random

import psycopg
import pytest

from foundation.database import Pool, transaction
from foundation.errors import NotPermitted
from registry import terminal_lists
from registry.model import RegionRange
from registry.scope import Role, Scope
from registry.terminal_lists import TooFewLetters, TooManyFound
from tests.conftest import Database
from tests.country import HANGZHOU, JIANGSU, NANJING, everything, register

SUPERVISOR = Scope.of_role("user:s", Role.SUPERVISOR, region=RegionRange(320000, 329999))


async def listed(pool: Pool, scope: Scope = everything, **filters: object) -> list[str]:
    """The codes of the first page."""
    async with transaction(pool, scope.settings()) as conn:
        page = await terminal_lists.list_page(conn, scope, **filters)  # type: ignore[arg-type]
    return [terminal.code for terminal in page.items]


@pytest.mark.parametrize("scope", [everything, SUPERVISOR])
async def test_pages_neither_skip_nor_repeat_while_rows_come(pool: Pool, scope: Scope) -> None:
    """Who was there when the walk began is met once, whatever is registered on the way."""
    dice = random.Random(1)
    first = [f"{dice.randrange(10**6):06d}" for _ in range(30)]
    for code in first:
        await register(pool, code, region=dice.choice([JIANGSU, NANJING, HANGZHOU]))
    met: list[str] = []
    after: str | None = None
    while True:
        async with transaction(pool, scope.settings()) as conn:
            page = await terminal_lists.list_page(conn, scope, after=after, limit=4)
        met += [terminal.code for terminal in page.items]
        after = page.next_key
        if after is None:
            break
        new = [f"{dice.randrange(10**6):06d}x" for _ in range(3)]
        await register(pool, *new, region=dice.choice([JIANGSU, NANJING, HANGZHOU]))

    assert len(met) == len(set(met))
    assert set(first) <= set(met)


async def test_tags_and_names_narrow_a_list(pool: Pool, database: Database) -> None:
    """By a tag, by two characters of a name, by the beginning of a code; all of them hold."""
    await register(pool, "a-1", "a-2", "b-1")
    with psycopg.connect(database.superuser) as conn:
        conn.execute("update registry.terminal set name = '南京华远电表' where code <> 'a-1'")
        conn.execute("update registry.terminal set tags = '{pilot,old}' where code <> 'b-1'")

    assert await listed(pool, tag="pilot") == ["a-1", "a-2"]
    assert await listed(pool, q="华远") == ["a-2", "b-1"]
    assert await listed(pool, q="a-") == ["a-1", "a-2"]
    assert await listed(pool, q="华远", tag="old") == ["a-2"]
    assert await listed(pool, q="华远", prefix="b") == ["b-1"]
    assert await listed(pool, tag="pilo") == []
    assert await listed(pool, q="华表") == []
    with pytest.raises(TooFewLetters):
        await listed(pool, q="华")


async def test_an_order_is_looked_for_by_who_reads_imports(pool: Pool, database: Database) -> None:
    """As a whole, within the asker's region; the others are refused, not given an empty list."""
    await register(pool, "a-1", region=NANJING)
    await register(pool, "a-2", "b-1", region=HANGZHOU, group_client="power-zj")
    with psycopg.connect(database.superuser) as conn:
        conn.execute("update registry.terminal set order_ref = 'SO-1' where code like 'a-%'")
    in_jiangsu = Scope.of_role("user:o", Role.OPERATOR, region=RegionRange(320000, 329999))

    assert await listed(pool, order_ref="SO-1") == ["a-1", "a-2"]
    assert await listed(pool, in_jiangsu, order_ref="SO-1") == ["a-1"]
    assert await listed(pool, order_ref="SO") == []
    with pytest.raises(NotPermitted):
        await listed(pool, SUPERVISOR, order_ref="SO-1")


async def test_too_many_of_one_s_own_are_told_from_others(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What begins so is found up to a bound; who sees fewer than that is not told of the rest."""
    monkeypatch.setattr("registry.terminal_lists.MOST_FOUND", 2)
    await register(pool, "1010", "1011", region=NANJING)
    await register(pool, "1012", "1013", region=HANGZHOU, group_client="power-zj")

    assert await listed(pool, SUPERVISOR, q="10") == ["1010", "1011"]
    with pytest.raises(TooManyFound):
        await listed(pool, q="10")
