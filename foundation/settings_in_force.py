"""The settings that a process runs with, to be shown: of a secret only whether it is set."""

from dataclasses import dataclass

from foundation.settings import PREFIX, SECRETS, Settings

# What an operator writes into these is often a gateway's key.
_MAY_TELL = frozenset({"sms_url", "sms_body"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingInForce:
    """One setting: `value` as it would be written, None where it is not set or not to be shown."""

    name: str
    description: str
    value: str | None
    secret: bool
    is_set: bool
    by_default: bool


def in_force(settings: Settings) -> tuple[SettingInForce, ...]:
    """Every setting of this process, by name."""
    return tuple(_told(settings, name) for name in sorted(Settings.model_fields))


def _told(settings: Settings, name: str) -> SettingInForce:
    field = Settings.model_fields[name]
    value = getattr(settings, name)
    by_default = value == field.default
    secret = name in SECRETS or (name in _MAY_TELL and not by_default)
    return SettingInForce(
        name=f"{PREFIX}{name}".upper(),
        description=field.description or "",
        value=None if secret or value is None else _written(value),
        secret=secret,
        is_set=value is not None,
        by_default=by_default,
    )


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
