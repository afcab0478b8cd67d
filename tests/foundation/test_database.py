"""What PostgreSQL refuses, in words that tell nothing of our inside."""

import psycopg
import pytest

from foundation.database import meaning
from foundation.errors import Invalid, MusterError, Refused, TookTooLong
from tests.conftest import Database

WRONG = {
    "insert into registry.tier values ('x', 'x', 'x', -7)": (
        Invalid, "This breaks the rule: offline factor is positive."),
    "insert into registry.tier (code, title_zh) values ('canary', 'x')": (
        Invalid, "A value that must be given is missing."),
    "insert into registry.region values (1, 1, 'city', 424242, 'x', 'x')": (
        Refused, "This breaks the rule: region parent code fkey."),
    "select 'canary'::int": (
        Invalid, "A value is none of its kind, or beyond what can be stored."),
    "select 9999999999::int4": (
        Invalid, "A value is none of its kind, or beyond what can be stored."),
    "do $$ begin raise exception 'A rule of ours.'; end $$": (Invalid, "A rule of ours."),
    "do $$ begin raise exception 'A rule of ours.' using errcode = 'exclusion_violation'; end $$": (
        Refused, "A rule of ours."),
    "select canary from registry.tier": (
        MusterError, "The database refused a statement (SQLSTATE 42703)."),
    "set statement_timeout = '20ms'; select pg_sleep(20)": (
        TookTooLong, "The database did not finish this in time."),
}  # fmt: skip


@pytest.mark.parametrize(("statement", "expected"), WRONG.items(), ids=range(len(WRONG)))
def test_a_refusal_of_the_database_is_told_in_our_words(
    database: Database, statement: str, expected: tuple[type[MusterError], str]
) -> None:
    """Neither a table's name, nor SQL, nor a value that was sent."""
    with (
        psycopg.connect(database.superuser) as conn,
        pytest.raises(psycopg.Error) as refused,
    ):
        conn.execute(statement.encode())
    said = meaning(refused.value)
    assert (type(said), str(said)) == expected
    assert "canary" not in str(said)
