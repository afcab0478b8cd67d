"""A device profile's document: read strictly, and refused with every fault at once."""

from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model import UNDEFINED_PROFILE, DeviceProfile, Metric, MetricType, Pause, Sector
from registry.profile_document import MOST_METRICS, Fault, ProfileInvalid, parse
from registry.reserved_names import RESERVED_CODES, RESERVED_METRICS, RESERVED_SUFFIXES, SQL_WORDS
from tests.conftest import Database

NAME = "a name is 1 to 41 small letters, digits and _, beginning with a letter"
KEPT_TABLE = "this name is kept for a table of Muster itself"
KEPT_COLUMN = "this name is kept for a column or key of Muster itself"
SQL = "this is a word of SQL, which people would have to quote"
NO_NUMBER = "only a double or a bigint can have one"


def metric(**changes: Any) -> dict[str, Any]:
    plain = {"name": "level_m", "type": "double", "title_zh": "水位", "title_en": "Level"}
    return plain | changes


def document(**changes: Any) -> dict[str, Any]:
    plain = {
        "code": "water_gauge",
        "sector": "power",
        "title_zh": "水位计",
        "title_en": "Water gauge",
        "codec": "json",
        "expected_interval_seconds": 300,
        "metrics": [metric()],
    }
    return plain | changes


def faults(item: object) -> list[tuple[str, str]]:
    with pytest.raises(ProfileInvalid) as caught:
        parse(item)
    return [(fault.path, fault.why) for fault in caught.value.faults]


def test_document_becomes_the_profile_it_describes() -> None:
    """Every field of the document arrives, what is left out has its default, titles lose blanks."""
    given = document(
        title_en=" Water gauge ",
        metrics=[
            metric(unit="m", low=-1, high=12.5, decimals=3),
            metric(name="frozen", type="boolean", hidden=True),
        ],
    )
    assert parse(given) == DeviceProfile(
        id=UNDEFINED_PROFILE,
        code="water_gauge",
        sector=Sector.POWER,
        title_zh="水位计",
        title_en="Water gauge",
        codec="json",
        expected_interval_seconds=300,
        clock_back_seconds=2_592_000,
        clock_ahead_seconds=600,
        chunk_days=7,
        metrics=(
            Metric("level_m", MetricType.DOUBLE, "m", -1.0, 12.5, 3, "水位", "Level"),
            Metric("frozen", MetricType.BOOLEAN, None, None, None, None, "水位", "Level", True),
        ),
        version=1,
    )


@pytest.mark.parametrize(
    ("changes", "path", "why"),
    [
        ({"code": "Water"}, "code", NAME),
        ({"code": "water\n"}, "code", NAME),
        ({"code": "w" * 42}, "code", NAME),
        ({"code": "1st"}, "code", NAME),
        ({"code": "event"}, "code", KEPT_TABLE),
        ({"code": "water_daily"}, "code", KEPT_TABLE),
        ({"code": "water_pkey"}, "code", KEPT_TABLE),
        ({"code": "user"}, "code", SQL),
        ({"sector": "farming"}, "sector", "Input should be 'power', 'transport' or 'security'"),
        (
            {"codec": "xml"},
            "codec",
            "it is none of dlt645, json, jt808, senml+cbor, senml+json, sia-dc09",
        ),
        ({"codec_options": {"text": "hex"}}, "codec_options", "json has no option text: none"),
        (
            {"expected_interval_seconds": 0},
            "expected_interval_seconds",
            "Input should be greater than or equal to 1",
        ),
        (
            {"expected_interval_seconds": "60"},
            "expected_interval_seconds",
            "Input should be a valid integer",
        ),
        ({"chunk_days": 3}, "chunk_days", "Input should be 1, 7 or 30"),
        ({"title_zh": "水\n位"}, "title_zh", "a title is one line of printable characters"),
        ({"title_en": " "}, "title_en", "String should have at least 1 character"),
        ({"colour": "red"}, "colour", "Extra inputs are not permitted"),
        ({"metrics": []}, "metrics", "a list of 1 to 200 metrics is needed"),
        ({"metrics": None}, "metrics", "a list of 1 to 200 metrics is needed"),
        ({"metrics": ["level_m"]}, "metrics.0", "it must be an object with fields"),
    ],
)
def test_faulty_field_of_a_profile_is_named(changes: dict[str, Any], path: str, why: str) -> None:
    """One wrong field is one fault at its path."""
    assert faults(document(**changes)) == [(path, why)]


@pytest.mark.parametrize(
    ("changes", "path", "why"),
    [
        ({"name": "ts"}, "name", KEPT_COLUMN),
        ({"name": "terminal_id"}, "name", KEPT_COLUMN),
        ({"name": "xmin"}, "name", KEPT_COLUMN),
        ({"name": "order"}, "name", SQL),
        ({"name": "level-m"}, "name", NAME),
        ({"name": "级"}, "name", NAME),
        ({"type": "float"}, "type", "Input should be 'double', 'bigint', 'boolean' or 'text'"),
        ({"type": "text", "unit": "m"}, "unit", NO_NUMBER),
        ({"type": "boolean", "low": 0}, "low", NO_NUMBER),
        ({"type": "bigint", "high": 1.5}, "high", "a bigint is bounded by whole numbers"),
        ({"type": "bigint", "decimals": 2}, "decimals", "only a double can have decimals"),
        ({"low": 2, "high": 1}, "high", "it is below low"),
        ({"low": float("nan")}, "low", "Input should be a finite number"),
        ({"low": True}, "low", "Input should be a valid number"),
        ({"low": 10**400}, "low", "Input should be a valid number"),
        ({"decimals": 10}, "decimals", "Input should be less than or equal to 9"),
        (
            {"high": 1e10, "decimals": 9},
            "decimals",
            "low or high with so many decimals has no place",
        ),
        ({"unit": "米"}, "unit", "String should match pattern '^[!-~]{1,32}$'"),
        ({"hidden": 1}, "hidden", "Input should be a valid boolean"),
    ],
)
def test_faulty_field_of_a_metric_is_named(changes: dict[str, Any], path: str, why: str) -> None:
    """One wrong field of the second metric is one fault at its path."""
    listed = [metric(name="first"), metric(**changes)]
    assert faults(document(metrics=listed)) == [(f"metrics.1.{path}", why)]


def test_all_faults_of_a_document_come_at_once() -> None:
    """Head and metrics, wrong fields and repeated names: nobody corrects one fault at a time."""
    listed = [metric(), metric(unit="", title_en=3), metric(name="order", low=2, high=1)]
    item = document(code="Gauge", codec="xml", metrics=listed)
    del item["sector"]
    assert [path for path, _ in faults(item)] == [
        "code",
        "sector",
        "codec",
        "metrics.1.unit",
        "metrics.1.title_en",
        "metrics.1.name",
        "metrics.2.name",
        "metrics.2.high",
    ]


def test_refusal_of_a_document_is_one_sentence_with_the_first_place_as_its_field() -> None:
    """What the API shows: every fault in the message, the first as the offending field."""
    with pytest.raises(ProfileInvalid) as caught:
        parse([])
    assert caught.value.faults == (Fault("document", "it must be an object with fields"),)
    assert str(caught.value) == (
        "The profile is refused: document: it must be an object with fields."
    )
    assert caught.value.field == "document"


def test_profile_has_at_most_two_hundred_metrics() -> None:
    """The two hundredth metric is taken, the next one is not."""
    listed = [metric(name=f"channel_{n}") for n in range(MOST_METRICS + 1)]
    assert len(parse(document(metrics=listed[:-1])).metrics) == 200
    assert faults(document(metrics=listed)) == [("metrics", "a list of 1 to 200 metrics is needed")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
HEAD_FIELD = st.sampled_from([*document()])
METRIC_FIELD = st.sampled_from([*metric(), "unit", "low", "high", "decimals", "hidden"])


@given(
    head=st.dictionaries(HEAD_FIELD, JSON, max_size=2),
    inside=st.dictionaries(METRIC_FIELD, JSON, max_size=2),
)
def test_any_json_is_a_profile_or_refused(head: dict[str, Any], inside: dict[str, Any]) -> None:
    """Whatever stands in the fields, `parse` gives a profile or ProfileInvalid, nothing else."""
    try:
        profile = parse(document(metrics=[metric(**inside)]) | head)
    except ProfileInvalid:
        return
    assert isinstance(profile, DeviceProfile)


def test_words_of_sql_are_those_that_the_database_reserves(database: Database) -> None:
    """A name that people could not write without quotes is never a table or a column."""
    with psycopg.connect(database.superuser) as conn:
        rows = conn.execute("select word from pg_get_keywords() where catcode in ('R', 'T')")
        assert {word for (word,) in rows} == SQL_WORDS


def test_names_of_our_own_tables_are_reserved(database: Database) -> None:
    """No profile can take the place of a table or view that telemetry has."""
    with psycopg.connect(database.superuser) as conn:
        rows = conn.execute(
            "select relname from pg_class where relkind in ('r', 'v', 'p')"
            " and relnamespace::regnamespace::text in ('telemetry', 'visible')"
        )
        names = {name for (name,) in rows if not name.endswith(RESERVED_SUFFIXES)}
    assert names <= RESERVED_CODES


def test_names_of_system_columns_are_reserved(database: Database) -> None:
    """No metric can be called what every table of PostgreSQL has already."""
    with psycopg.connect(database.superuser) as conn:
        rows = conn.execute(
            "select attname from pg_attribute where attnum < 0 and attrelid = 'pg_class'::regclass"
        )
        assert {name for (name,) in rows} <= RESERVED_METRICS


def test_pauses_are_read_in_their_order() -> None:
    """A last gasp explains a silence; being parked makes for more patience."""
    gasp = {"reason": "power_lost", "after": "last_gasp", "until": "power_restored"}
    parked = {"reason": "parked", "after": "off", "until": "on", "expected_interval_seconds": 60}

    assert parse(document(pauses=[gasp, parked])).pauses == (
        Pause("power_lost", "last_gasp", "power_restored", None),
        Pause("parked", "off", "on", 60),
    )


def test_a_pause_that_cannot_end_is_refused() -> None:
    """By its own event, by none, or after no time."""
    parked = {"reason": "parked", "after": "off", "until": "off", "expected_interval_seconds": 0}
    found = faults(document(pauses=[parked, {"reason": "Parked!", "after": "off"}]))

    assert [path for path, _ in found] == [
        "pauses.0.until",
        "pauses.0.expected_interval_seconds",
        "pauses.1.reason",
        "pauses.1.until",
    ]
