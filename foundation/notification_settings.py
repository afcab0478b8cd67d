"""The settings of how people and programs are told of alarms."""

import json
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings


class NotificationSettings(BaseSettings):
    """Ways out; what is not set is not used. Mail server and SMS gateway are the operator's."""

    notification_networks: str | None = Field(
        None,
        description="Networks, parted by commas, that channels may lead to beside the public"
        " internet, as `10.20.0.0/16`; default: none.",
    )
    notification_ca_file: Path | None = Field(
        None, description="CA certificate that targets, mail server and gateway may have, too."
    )
    notification_days: int = Field(
        30,
        ge=1,
        le=3650,
        description="Days after which deliveries and turns of alarms are forgotten.",
    )
    mail_url: str | None = Field(
        None, description="Mail server: `smtp://user@host:587` (STARTTLS) or `smtps://user@host`."
    )
    mail_password: SecretStr | None = Field(
        None, description="Password of the account named in MUSTER_MAIL_URL."
    )
    mail_from: str = Field(
        "muster@localhost",
        pattern=r"^[^\s@<>,;]{1,64}@[^\s@<>,;]{1,190}$",
        description="Address that mails come from.",
    )
    sms_url: str | None = Field(None, description="SMS gateway: the address that takes a POST.")
    sms_body: str = Field(
        '{"to": "{to}", "text": "{text}"}',
        description="JSON that the gateway takes; `{to}` and `{text}` stand for number and text.",
    )
    sms_authorization: SecretStr | None = Field(
        None, description="The gateway's Authorization header, as `Bearer ...`."
    )

    @field_validator("notification_networks")
    @classmethod
    def _networks_are_networks(cls, value: str | None) -> str | None:
        for name in filter(None, map(str.strip, (value or "").split(","))):
            try:
                ip_network(name)
            except ValueError:
                raise ValueError(f"{name} is no network such as 10.20.0.0/16") from None
        return value

    @field_validator("notification_ca_file")
    @classmethod
    def _authority_is_one(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        from foundation.egress import trusting  # slow to import, and seldom needed

        try:
            trusting(value)
        except OSError as error:  # ssl.SSLError is one
            raise ValueError(f"cannot be used: {error}") from None
        return value

    @field_validator("mail_url")
    @classmethod
    def _mail_is_smtp(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "smtp://host")
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.password:
            raise ValueError("must look like smtp://user@host:587, without a password")
        return value

    @field_validator("sms_url")
    @classmethod
    def _gateway_is_http(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "https://host")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must look like https://gateway.example/send")
        return value

    @field_validator("sms_body")
    @classmethod
    def _body_is_json(cls, value: str) -> str:
        try:
            json.loads(value)
        except ValueError:
            raise ValueError("must be JSON in which {to} and {text} stand in texts") from None
        if "{to}" not in value or "{text}" not in value:
            raise ValueError("must hold {to} and {text}")
        return value
