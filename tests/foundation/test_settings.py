"""Settings: read once, all faults at once, secrets never shown."""

from pathlib import Path

import pytest

from foundation.settings import SettingsInvalid, load


def test_every_fault_is_told_at_once() -> None:
    """Missing files, malformed values, unknown names and contradictions come in one error."""
    with pytest.raises(SettingsInvalid) as caught:
        load(
            {
                "MUSTER_API_LISTEN": "nowhere",
                "MUSTER_BROKER_URL": "http://broker",
                "MUSTER_DATABASE_URL": "postgresql://a",
                "MUSTER_DATABASE_URL_FILE": "/there/is/no/such/file",
                "MUSTER_BROKER_PASSWORD_FILE": "/there/is/no/such/file",
                "MUSTER_COLOUR": "red",
            }
        )

    named = {fault.partition(" ")[0].rstrip(":") for fault in caught.value.faults}
    assert named == {
        "MUSTER_API_LISTEN",
        "MUSTER_BROKER_PASSWORD_FILE",
        "MUSTER_BROKER_URL",
        "MUSTER_COLOUR",
        "MUSTER_DATABASE_URL_FILE",
    }


def test_contradictions_are_refused() -> None:
    """A certificate without its key cannot serve anybody."""
    with pytest.raises(SettingsInvalid, match="go together"):
        load({"MUSTER_API_TLS_CERTIFICATE": "/a.pem"})


def test_a_password_in_the_broker_url_is_refused() -> None:
    """A secret in a URL would end in logs and process lists."""
    with pytest.raises(SettingsInvalid, match="must not carry a password") as caught:
        load({"MUSTER_BROKER_URL": "mqtt://bridge:hunter2@localhost"})

    assert "hunter2" not in str(caught.value)


def test_a_secret_comes_from_its_file(tmp_path: Path) -> None:
    """MUSTER_X_FILE names the file that holds X; its value is never printed."""
    (tmp_path / "word").write_text("s3cret\n")

    settings = load({"MUSTER_BROKER_PASSWORD_FILE": str(tmp_path / "word")})

    assert settings.broker_password is not None
    assert settings.broker_password.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings)


def test_require_names_everything_that_is_missing() -> None:
    """A process that needs two settings is told of both."""
    with pytest.raises(SettingsInvalid) as caught:
        load({}).require("database_url", "broker_url")

    assert caught.value.faults == ["MUSTER_DATABASE_URL is not set", "MUSTER_BROKER_URL is not set"]


@pytest.mark.parametrize(
    "settings",
    [
        {"MUSTER_DATABASE_URL": "postgresql://muster_api:postgres@database:5432/muster"},
        {"MUSTER_DATABASE_URL": "host=10.0.0.7 user=muster_api password=ChangeMe"},
        {"MUSTER_BROKER_URL": "mqtt://b@broker", "MUSTER_BROKER_PASSWORD": "mosquitto"},
        {"MUSTER_SECRET_KEY": "changeme"},
        {"MUSTER_SECRET_KEY": "example example example example example"},
    ],
)
def test_a_secret_that_everybody_knows_is_refused(settings: dict[str, str]) -> None:
    """An example's or a product's own secret does not start a process; it is not repeated."""
    with pytest.raises(SettingsInvalid) as caught:
        load(settings)

    assert not {"postgres", "ChangeMe", "mosquitto"} & set(str(caught.value).split())


def test_on_the_machine_itself_it_is_let_be() -> None:
    """A database or broker of a test or a demonstration, that nobody else can reach."""
    for host in ("127.0.0.1", "localhost", "[::1]"):
        load(
            {
                "MUSTER_DATABASE_URL": f"postgresql://postgres:postgres@{host}/muster",
                "MUSTER_BROKER_URL": f"mqtt://test@{host}",
                "MUSTER_BROKER_PASSWORD": "test",
            }
        )
    load({"MUSTER_DATABASE_URL": "host=/run/postgresql password=postgres"})


def test_a_database_that_is_none_is_told() -> None:
    """Before anything connects, and without showing what was given."""
    with pytest.raises(SettingsInvalid, match="is no connection string") as caught:
        load({"MUSTER_DATABASE_URL": "mysql password=hunter2"})

    assert "hunter2" not in str(caught.value)
