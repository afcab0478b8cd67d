"""The doctor: says what is wrong and how to mend it."""

from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from deploy.doctor import Finding, Verdict, examine
from deploy.embedded.home import Home
from deploy.embedded.ports import free_port
from foundation.migrate import scripts
from foundation.settings import Settings
from tests.conftest import Database, TestBroker


def found(settings: Settings, home: Path) -> dict[str, Finding]:
    return {finding.part: finding for finding in examine(settings, Home(home))}


def test_a_sound_deployment_has_nothing_wrong(
    database: Database, broker: TestBroker, tmp_path: Path
) -> None:
    """A current schema on TimescaleDB and a broker that answers are well."""
    settings = Settings(database_url=SecretStr(database.bridge), broker_url=broker.url("bridge-1"))

    findings = found(settings, tmp_path)

    assert {part: f.verdict for part, f in findings.items() if f.verdict is Verdict.BAD} == {}
    assert "TimescaleDB" in findings["database"].sentence
    assert "apache edition does not compress" in findings["edition"].sentence
    newest = scripts("migrations")[-1].name
    assert findings["schema"].sentence == f"It is current ({newest})."


def test_the_licensed_edition_is_told(licensed_database: Database, tmp_path: Path) -> None:
    """That it compresses, and nothing that it lacks."""
    settings = Settings(database_url=SecretStr(licensed_database.inspect))

    finding = found(settings, tmp_path)["edition"]

    assert (finding.verdict, finding.sentence) == (
        Verdict.OK,
        "Old readings are compressed, by the jobs.",
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("delete from foundation.migration where name = '0002_telemetry'", "It is not current."),
        (
            "insert into foundation.migration values ('9999_future', 'x')",
            "A newer Muster wrote it.",
        ),
    ],
)
def test_a_schema_of_another_version_is_told(
    database: Database, tmp_path: Path, change: str, sentence: str
) -> None:
    """Too old and too new are different things with different remedies."""
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute(change.encode())

    finding = found(Settings(database_url=SecretStr(database.bridge)), tmp_path)["schema"]

    assert (finding.verdict, finding.sentence) == (Verdict.BAD, sentence)


def test_what_does_not_answer_is_told(tmp_path: Path) -> None:
    """A database and a broker that are away are named, with what to do."""
    nobody = f"127.0.0.1:{free_port()}"
    settings = Settings(
        database_url=SecretStr(f"postgresql://{nobody}/muster"), broker_url=f"mqtt://{nobody}"
    )

    findings = found(settings, tmp_path)

    assert findings["database"].verdict is Verdict.BAD
    assert findings["broker"].verdict is Verdict.BAD
    assert "MUSTER_BROKER_URL" in findings["broker"].remedy
