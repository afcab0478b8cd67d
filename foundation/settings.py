"""Every setting of every process: read once from `MUSTER_*`, all faults told at once.

A secret may stand in the environment or, better, in a file named by `MUSTER_<NAME>_FILE`.
`docs/reference/settings.md` lists them all; a test keeps it true.
"""

import os
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from foundation import sealing
from foundation.errors import Invalid
from foundation.known_secrets import opens_to_everybody
from foundation.notification_settings import NotificationSettings
from foundation.provider_settings import ProviderSettings

PREFIX = "MUSTER_"
_KNOWN_SECRET = "has a password that everybody knows; give that server a random one"  # noqa: S105


class SettingsInvalid(Invalid):
    """The settings cannot be used."""

    code = "settings_invalid"
    remedy = "Correct the named variables; docs/reference/settings.md describes each."

    def __init__(self, faults: list[str]) -> None:
        super().__init__("The settings cannot be used: " + "; ".join(faults) + ".")
        self.faults = faults


Listen = Annotated[str, Field(pattern=r"^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$")]


Allowance = Annotated[str, Field(pattern=r"^(off|[1-9]\d{0,6}/[1-9]\d{0,4})$")]
"""`<requests>/<seconds>`: so many at once, filled again evenly within so many seconds; or `off`."""


class Settings(ProviderSettings, NotificationSettings):
    """What a process of Muster needs to know; unknown `MUSTER_*` names are refused."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    database_url: SecretStr | None = Field(
        None, description="PostgreSQL connection string (URI or key=value) of this process's role."
    )
    broker_url: str | None = Field(
        None, description="`mqtt://user@host:port` or `mqtts://...` of the broker."
    )
    broker_password: SecretStr | None = Field(
        None, description="Password of the MQTT account named in MUSTER_BROKER_URL."
    )
    broker_ca_file: Path | None = Field(
        None, description="CA certificate that signs an `mqtts://` broker; default: the system's."
    )
    broker_hook_secret: SecretStr | None = Field(
        None,
        min_length=24,
        description="What brokers show to /broker/...: 24 random characters or more; none: closed.",
    )
    terminal_ca: Path | None = Field(
        None,
        description="Directory of the CA that signs terminals' certificates (`muster ca init`).",
    )
    home: Path | None = Field(
        None, description="Where `muster up` keeps its state; default `.muster` in the checkout."
    )
    cache: Path | None = Field(
        None, description="Where unpacked servers are kept; default the user's cache."
    )
    api_listen: Listen = Field("127.0.0.1:8080", description="host:port of the console and API.")
    api_tls_certificate: Path | None = Field(None, description="PEM chain; with the key: HTTPS.")
    api_tls_key: Path | None = Field(None, description="PEM private key of the certificate.")
    secret_key: SecretStr | None = Field(
        None,
        description="Seals second factors and passwords to be fetched: 32 random characters or"
        " more; blank and an older key may follow.",
    )
    second_factor: Literal["off", "commanding", "everyone"] = Field(
        "commanding",
        description="Who needs a second factor at sign-in: nobody, roles that command, all.",
    )
    password_min_length: int = Field(
        12, ge=8, le=64, description="Characters that a new password needs at least."
    )
    password_composition: bool = Field(
        False, description="Whether a password needs three kinds of character (MLPS)."
    )
    password_max_age_days: int = Field(
        0, ge=0, le=3650, description="Age at which a password must be changed (MLPS); 0: never."
    )
    component_sheet: bool = Field(
        False, description="Show what the console's pages are made of, at /components."
    )
    trusted_proxies: str | None = Field(
        None,
        description="Addresses and networks, parted by commas, whose X-Forwarded-For and -Proto"
        " the API believes; default: nobody's.",
    )
    limit_address: Allowance = Field(
        "18000/60", description="Requests of one address (IPv6: /64) to one API process."
    )
    limit_sign_in: Allowance = Field(
        "120/60", description="Sign-ins from one address, whether they succeed or not."
    )
    limit_read: Allowance = Field("12000/60", description="Requests that read, of one key or user.")
    limit_change: Allowance = Field(
        "6000/60", description="Requests that change, of one key or user."
    )
    limit_expensive: Allowance = Field(
        "3000/60", description="Requests that read much (series), of one key or user."
    )
    limit_client: Allowance = Field(
        "24000/60", description="Requests of all keys and users of one group client together."
    )
    limit_broker: Allowance = Field(
        "120000/60", description="Terminals that one broker asks to let in."
    )
    limit_broker_terminal: Allowance = Field(
        "60/60", description="Times that one terminal is let in, however its broker is asked."
    )
    live_streams: int = Field(
        1000, ge=0, le=100_000, description="Live streams open in one API process; 0: none."
    )
    live_streams_caller: int = Field(
        50, ge=1, le=100_000, description="Of these, those of one key or user."
    )
    live_streams_client: int = Field(
        200,
        ge=1,
        le=100_000,
        description="Of these, those of all who are of one group client.",
    )
    live_terminals: int = Field(
        10_000, ge=1, le=10_000, description="Terminals that one live stream follows at most."
    )
    live_waiting_bytes: int = Field(
        1024 * 1024,
        ge=4096,
        description="What waits for the reader of a live stream before it is ended.",
    )
    stalled_seconds: float = Field(
        60,
        ge=0.1,
        le=3600,
        description="After so long, who takes nothing of an answer, or sends no more, is cut off.",
    )
    metrics_listen: Listen = Field(
        "127.0.0.1:9464", description="host:port of /metrics and /health of bridge and jobs."
    )
    topic_prefix: str = Field("m2m/v1", description="First levels of every topic.")
    bridge_name: str = Field(
        "bridge-1",
        pattern=r"^bridge-[A-Za-z0-9_-]{1,57}$",  # no terminal's code may begin so
        description="Fixed identity of this bridge: its client id and its name in telemetry.batch.",
    )
    bridge_standby: bool = Field(
        False, description="Wait for a name that another bridge has, and take over when it is free."
    )
    shared_group: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Share the messages with other bridges of this group (`$share/<group>/...`).",
    )
    session: Literal["mqtt5", "paho"] = Field(
        "mqtt5", description="MQTT session of the bridge: `mqtt5` (fast) or `paho` (the way out)."
    )
    batch_max_readings: int = Field(
        20_000, ge=1, le=1_000_000, description="Readings after which a batch is committed."
    )
    batch_max_age_seconds: float = Field(
        0.05, gt=0, le=10, description="Age at which a batch is committed, however small."
    )
    unsettled_max_messages: int = Field(
        60_000, ge=1, le=1_000_000, description="Unsettled messages at which reading pauses."
    )
    unsettled_max_bytes: int = Field(
        64 * 1024 * 1024, ge=65_536, description="Unsettled bytes at which reading pauses."
    )
    foreign_sims: Literal["warn", "refuse"] = Field(
        "warn", description="What becomes of SIMs that are not of the home operator's networks."
    )
    terminal_messages_per_second: int = Field(
        2000, ge=1, le=1_000_000, description="What one terminal may send; more is a `flood`."
    )
    quarantine_days: int = Field(
        90, ge=1, le=3650, description="Days after which refused messages are forgotten."
    )
    quarantine_samples: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        description="Refused messages kept of a terminal, reason, day; of a `flood` a hundredth.",
    )
    quarantine_max_bytes: int = Field(
        4 * 1024**3, ge=2**20, description="Raw bytes in quarantine at which storms leave one each."
    )
    time_zone: str = Field(
        "UTC", description="Zone whose midnight ends a day of supervision, as `Asia/Shanghai`."
    )
    supervision_days: int = Field(
        100,
        ge=2,
        le=3650,
        description="Days whose roll-ups are kept; of older ones each month's last, for ten years.",
    )
    completeness_days: int = Field(
        400,
        ge=35,
        le=3650,
        description="Days whose sums of completeness are kept; of older ones those whose roll-ups"
        " are.",
    )
    export_days: int = Field(
        7, ge=1, le=365, description="Days after which the file of an export is deleted."
    )
    export_max_bytes: int = Field(
        2 * 1024**3, ge=2**20, description="Bytes that the file of one export may have."
    )
    exports_max_bytes: int = Field(
        8 * 1024**3, ge=2**20, description="Bytes of all files of exports, kept in the database."
    )
    database_patience_seconds: float = Field(
        5, gt=0, le=600, description="Time after which messages go to the spool instead."
    )
    spool: Path | None = Field(
        None, description="Directory of the bridge's spool; default `spool/<name>` in the home."
    )
    spool_max_bytes: int = Field(
        4 * 1024**3, ge=0, description="Bytes at which the spool is full; 0: no spool."
    )
    spool_min_free_bytes: int = Field(
        1024**3, ge=0, description="Free bytes that the spool leaves on its disk."
    )
    stop_deadline_seconds: float = Field(
        20, gt=0, le=600, description="Time a process has to settle and stop after SIGTERM."
    )
    database_pool_size: int = Field(8, ge=1, le=200, description="Connections of the API's pool.")
    statement_timeout_seconds: float = Field(
        10, ge=0.05, le=600, description="Longest that one query of the API may take."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe level that is logged."
    )
    log_format: Literal["console", "json"] = Field(
        "console", description="Lines for people, or one JSON object a line."
    )

    @field_validator("topic_prefix")
    @classmethod
    def _prefix_is_plain(cls, value: str) -> str:
        levels = value.split("/")
        if not all(
            level and level.isascii() and not set(level) & set("+#$ \0") for level in levels
        ):
            raise ValueError("must be plain topic levels such as m2m/v1, without wildcards")
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone_is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is no time zone; give one such as Asia/Shanghai or UTC") from None
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, value: str | None) -> str | None:
        for name in filter(None, map(str.strip, (value or "").split(","))):
            try:
                ip_network(name)
            except ValueError:
                raise ValueError(f"{name} is no address or network such as 10.0.0.0/8") from None
        return value

    @field_validator("broker_url")
    @classmethod
    def _broker_is_mqtt(cls, value: str | None) -> str | None:
        if value is None:
            return value
        parts = urlsplit(value)
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            raise ValueError("must look like mqtt://user@host:1883 or mqtts://user@host:8883")
        if parts.password:
            raise ValueError("must not carry a password; put it in MUSTER_BROKER_PASSWORD_FILE")
        return value

    @field_validator("secret_key")
    @classmethod
    def _key_is_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            sealing.keys_of(value.get_secret_value())
        return value

    @field_validator("database_url")
    @classmethod
    def _database_has_a_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            from psycopg import ProgrammingError, conninfo  # as slow to import as all the rest

            try:
                given = conninfo.conninfo_to_dict(value.get_secret_value())
            except ProgrammingError:
                raise ValueError("is no connection string of PostgreSQL") from None
            password, host = (given.get(part) for part in ("password", "host"))
            if opens_to_everybody(str(password), None if host is None else str(host)):
                raise ValueError(_KNOWN_SECRET)
        return value

    @model_validator(mode="after")
    def _broker_has_a_secret(self) -> Self:
        password = self.broker_password.get_secret_value() if self.broker_password else ""
        if opens_to_everybody(password, urlsplit(self.broker_url or "").hostname):
            raise ValueError(f"BROKER_PASSWORD {_KNOWN_SECRET}")
        return self

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.api_tls_certificate is None) != (self.api_tls_key is None):
            raise ValueError("API_TLS_CERTIFICATE and API_TLS_KEY go together: set both or neither")
        if self.broker_ca_file and (self.broker_url or "").startswith("mqtt://"):
            raise ValueError("BROKER_CA_FILE is for an mqtts:// BROKER_URL, not mqtt://")
        return self

    def database(self) -> str:
        """The connection string, or `SettingsInvalid` when it was not given."""
        if self.database_url is None:
            raise SettingsInvalid(["MUSTER_DATABASE_URL is not set"])
        return self.database_url.get_secret_value()

    def require(self, *names: str) -> Self:
        """These settings, or `SettingsInvalid` naming every one of `names` that is missing."""
        missing = [f"{PREFIX}{n.upper()} is not set" for n in names if getattr(self, n) is None]
        if missing:
            raise SettingsInvalid(missing)
        return self


def load(
    environment: Mapping[str, str] | None = None,
    *,
    beside: Callable[[Mapping[str, str]], list[str]] = lambda values: [],
) -> Settings:
    """The settings of this process, or `SettingsInvalid` with every fault in one sentence.

    `beside` gives the faults that only this process can see in the values.
    """
    given = os.environ if environment is None else environment
    values: dict[str, str] = {}
    faults: list[str] = []
    for name, text in given.items():
        if not name.startswith(PREFIX):
            continue
        field = name.removeprefix(PREFIX).lower()
        if field.startswith("test_"):
            continue
        if field in Settings.model_fields:
            values.setdefault(field, text)
        elif field.removesuffix("_file") in SECRETS and field.endswith("_file"):
            if f"{PREFIX}{field.removesuffix('_file').upper()}" in given:
                faults.append(f"{name} and {name.removesuffix('_FILE')} contradict: give one")
                continue
            try:
                values[field.removesuffix("_file")] = Path(text).read_text("utf-8").strip()
            except OSError as error:
                faults.append(f"{name} cannot be read ({error.strerror})")
        else:
            faults.append(f"{name} is not a setting of Muster")
    faults += beside(values)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        faults += [_told(fault["loc"], fault["msg"]) for fault in error.errors()]
    if faults:
        raise SettingsInvalid(sorted(faults))
    return settings


SECRETS = {
    name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)
}


def _told(location: tuple[int | str, ...], message: str) -> str:
    name = f"{PREFIX}{location[0]!s}".upper() if location else PREFIX.rstrip("_")
    return f"{name}: {message.removeprefix('Value error, ')}"
