"""What a deployment demands of people who sign in, as its settings say."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from foundation.sealing import Sealing, keys_of
from foundation.settings import Settings
from registry.errors import SecretKeyMissing
from registry.scope import COMMANDING, Awaits, Role


class Demand(StrEnum):
    """Of whom a second factor is asked."""

    OFF = "off"
    COMMANDING = "commanding"
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Rules:
    """The switches; the defaults are for our own tools, which ask nobody for a second factor."""

    second_factor: Demand = Demand.OFF
    seal: Sealing | None = None
    password_min_length: int = 12
    password_composition: bool = False
    password_max_age: timedelta | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings of a process say."""
        key, days = settings.secret_key, settings.password_max_age_days
        return cls(
            Demand(settings.second_factor),
            Sealing(keys_of(key.get_secret_value())) if key else None,
            settings.password_min_length,
            settings.password_composition,
            timedelta(days=days) if days else None,
        )

    @property
    def sealing(self) -> Sealing:
        """What seals second factors; SecretKeyMissing where the deployment has no key."""
        if self.seal is None:
            raise SecretKeyMissing
        return self.seal

    def demands_second_factor(self, role: Role) -> bool:
        """Whether a person of this role needs a second factor."""
        if self.second_factor is Demand.COMMANDING:
            return role in COMMANDING
        return self.second_factor is Demand.EVERYONE

    def awaited(
        self,
        role: Role,
        *,
        has_second_factor: bool,
        second_factor_given: bool,
        must_change_password: bool,
        password_changed_at: datetime,
        signs_in_elsewhere: bool = False,
    ) -> Awaits | None:
        """What a person has to do first, one thing after the other; None when all is done.

        Of whom an identity provider signs in, that one has asked all there is to ask.
        """
        if signs_in_elsewhere:
            return None
        if has_second_factor and not second_factor_given:
            return Awaits.SECOND_FACTOR
        age = datetime.now(UTC) - password_changed_at
        if must_change_password or (self.password_max_age and age > self.password_max_age):
            return Awaits.PASSWORD
        if not has_second_factor and self.demands_second_factor(role):
            return Awaits.ENROLMENT
        return None


DEFAULT = Rules()
