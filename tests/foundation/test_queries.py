"""Named SQL: what a file says once, and what it refuses to leave open."""

import pytest

from foundation import queries

_FILE = """-- What stands before the first name is for readers.

-- part: in_scope
-- What the scope sees.
and t.region = %(region)s
and t.owner = %(owner)s

-- name: list_some
-- Some of them.
select t.id from t
where true
    -- with: in_scope
order by t.id;

-- name: count_all
-- All of them.
select count(*) from t;
"""


def test_a_part_is_written_where_it_is_named() -> None:
    """With all its lines, as deep as the line that names it; a part is no query itself."""
    found = queries.parse(_FILE)

    assert found.names() == ["list_some", "count_all"]
    assert found.list_some.splitlines()[2:] == [
        "where true",
        "    -- What the scope sees.",
        "    and t.region = %(region)s",
        "    and t.owner = %(owner)s",
        "order by t.id;",
    ]
    assert found.count_all == "-- All of them.\nselect count(*) from t;"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("with: in_scope", "with: in_sight", "there is no part in_sight"),
        ("name: count_all", "name: list_some", "two queries of one file have the same name"),
        ("name: count_all", "name: in_scope", "two queries of one file have the same name"),
    ],
)
def test_what_is_not_clear_is_refused(before: str, after: str, said: str) -> None:
    """A part that is not there would be a filter that is left out."""
    with pytest.raises(ValueError, match=f"^{said}$"):
        queries.parse(_FILE.replace(before, after))
