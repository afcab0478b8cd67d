"""The settings of sign-on through an identity provider (OpenID Connect), told wrong all at once."""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from foundation.addresses import is_safe_address

_TOGETHER = ("public_url", "oidc_issuer", "oidc_client_id", "oidc_mapping")


class ProviderSettings(BaseSettings):
    """Where people sign in who have no password here; none of it is set where all have one."""

    public_url: str | None = Field(
        None, description="Address at which people open the console, as `https://muster.example`."
    )
    oidc_issuer: str | None = Field(
        None, description="Identity provider that signs people in: its issuer's address."
    )
    oidc_client_id: str | None = Field(
        None, min_length=1, max_length=200, description="What the provider knows Muster by."
    )
    oidc_client_secret: SecretStr | None = Field(
        None, description="What Muster proves that with; none: a public client, with PKCE alone."
    )
    oidc_mapping: Path | None = Field(
        None, description="JSON file that says which role and reach go with which group."
    )
    oidc_name: str | None = Field(
        None, max_length=60, description="What the button calls the provider; default its host."
    )
    oidc_scopes: str = Field("openid profile email", description="Scopes that are asked for.")
    oidc_groups_claim: str = Field(
        "groups", min_length=1, description="Claim that lists a person's groups."
    )
    oidc_name_claim: str = Field(
        "preferred_username", min_length=1, description="Claim that names a new account."
    )
    oidc_acr: str | None = Field(
        None, description="Level of authentication (`acr`) to ask for and insist on."
    )
    oidc_hosts: str | None = Field(
        None, description="Further hosts, parted by commas, at which the provider has endpoints."
    )
    oidc_ca_file: Path | None = Field(
        None, description="CA certificate that signs the provider's; default: the system's."
    )

    @field_validator("public_url", "oidc_issuer")
    @classmethod
    def _address_is_safe(cls, value: str | None) -> str | None:
        if value is not None and not is_safe_address(value):
            raise ValueError("must be an https:// address (http:// on loopback alone) and no more")
        return value

    @field_validator("public_url")
    @classmethod
    def _console_is_at_the_root(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).path not in ("", "/"):
            raise ValueError("must end with the host: the console is at the root of it")
        return value.rstrip("/") if value is not None else None

    @field_validator("oidc_scopes")
    @classmethod
    def _openid_is_asked_for(cls, value: str) -> str:
        if "openid" not in value.split():
            raise ValueError("must hold openid")
        return value

    @model_validator(mode="after")
    def _sign_on_is_whole(self) -> Self:
        given = [name for name in _TOGETHER if getattr(self, name) is not None]
        lone = self.oidc_client_secret or self.oidc_name or self.oidc_acr or self.oidc_hosts
        missing = [f"{name.upper()}" for name in _TOGETHER if name not in given]
        if missing and (lone or set(given) - {"public_url"}):
            raise ValueError(f"sign-on needs {', '.join(missing)} as well")
        if self.oidc_ca_file is not None and not self.oidc_ca_file.is_file():
            raise ValueError("OIDC_CA_FILE cannot be read")
        return self
