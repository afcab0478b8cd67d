"""Users, keys and sessions on their way in and out."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from api.schemas.group_clients import Code
from api.schemas.shapes import Answer, Body, Instant, Utc
from registry.scope import Awaits, Right, Role

UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]
Password = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Clients = Annotated[list[Code], Field(max_length=100)]

_REGION: Any = Field(None, examples=[320000], description="Of an operator or a supervisor.")
_CLIENTS: Any = Field([], examples=[["example-power"]], description="Of the other roles but admin.")


class SignInBody(Body):
    """A name and its password."""

    name: str = Field(max_length=64, examples=["wang"])
    password: Password


class CodeBody(Body):
    """A code that the app shows now, or a recovery code."""

    code: str = Field(min_length=6, max_length=40, examples=["287082"])


class SignedInAnswer(Answer):
    """A session, in the cookie; while it `awaits` something, nothing else can be done with it."""

    name: str = Field(examples=["wang"])
    awaits: Awaits | None


class MeAnswer(Answer):
    """Who asks, what they may do (`rights`) and whose things they see."""

    kind: Literal["user", "key"]
    name: str = Field(examples=["wang"], description="Of the user, or the prefix of the key.")
    rights: list[Right]
    everything: bool
    region: int | None = Field(description="Code of the region whose subtree is seen.")
    group_clients: list[str] = Field(description="Codes of the clients whose subtrees are seen.")
    awaits: Awaits | None
    account: "UserAnswer | None" = Field(description="Of a user.")


class OwnPasswordBody(Body):
    """The present password and the one to come."""

    current: Password
    new: Password


class EnrolmentAnswer(Answer):
    """What goes into the app: by hand, or as a QR code of the address."""

    secret: str = Field(examples=["JBSWY3DPEHPK3PXP"])
    uri: str = Field(examples=["otpauth://totp/Muster:wang?secret=JBSWY3DPEHPK3PXP&issuer=Muster"])


class RecoveryCodesAnswer(Answer):
    """Codes to keep on paper, each for one sign-in without the app; never shown again."""

    recovery_codes: list[str] = Field(examples=[["abcd-efgh-ijkl-mnop"]])


class SessionAnswer(Answer):
    """A session that is open: since when, from where, and with what browser or program."""

    id: UUID
    created_at: Utc
    last_seen_at: Utc
    expires_at: Utc
    source: str | None = Field(examples=["192.0.2.7"])
    user_agent: str | None
    second_factor_at: Utc | None = Field(description="When a code was given in it.")
    current: bool = Field(description="Whether it is the one that asks.")


class SessionsAnswer(Answer):
    """The open sessions of a user, the one used last first, 200 at most."""

    items: list[SessionAnswer]


class UserBody(Body):
    """A person to appoint; without a password a random one is made, to be changed at once."""

    name: UserName = Field(examples=["wang"])
    role: Role
    region: int | None = _REGION
    group_clients: Clients = _CLIENTS
    password: Password | None = None


class UserChange(Body):
    """What is to change; where one of role, region and clients is given, all three are."""

    role: Role | None = None
    region: int | None = _REGION
    group_clients: Clients | None = None
    disabled: bool | None = Field(None, description="Out of force, or in force again.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError("give at least one thing to change")
        return self


class UserAnswer(Answer):
    """A person who may sign in while they are not disabled."""

    name: str = Field(examples=["wang"])
    role: Role
    region: int | None = Field(validation_alias="region_code", examples=[320000])
    group_clients: list[str] = Field(
        validation_alias="group_client_codes", examples=[["example-power"]]
    )
    created_at: Utc
    created_by: str | None = Field(examples=["user:ada"])
    disabled_at: Utc | None
    password_changed_at: Utc
    must_change_password: bool
    second_factor_at: Utc | None = Field(description="When the second factor was enrolled.")
    issuer: str | None = Field(
        description="Identity provider that signs them in; null: they have a password here.",
        examples=["https://id.example.com"],
    )
    version: int = Field(examples=[1])


class AppointedAnswer(Answer):
    """A person just appointed; `password` is the one that was made, never shown again."""

    user: UserAnswer
    password: str | None = Field(examples=["q1wK…"])


class PasswordBody(Body):
    """A new password for somebody; without one a random one is made."""

    password: Password | None = None


class PasswordAnswer(Answer):
    """The password that was made, to be changed at the next sign-in; null where one was given."""

    password: str | None = Field(examples=["q1wK…"])


class ApiKeyBody(Body):
    """A key for a program, in force for a year unless said otherwise."""

    name: str = Field(min_length=1, max_length=200, examples=["grafana"])
    role: Role
    region: int | None = _REGION
    group_clients: Clients = _CLIENTS
    expires_at: Instant | None = Field(None, description="Null: never. Absent: in a year.")


class ApiKeyAnswer(Answer):
    """A key on record, known by the first characters of its secret."""

    name: str = Field(examples=["grafana"])
    prefix: str = Field(examples=["mk_q1wKz8Yd"])
    role: Role
    region: int | None = Field(validation_alias="region_code", examples=[320000])
    group_clients: list[str] = Field(
        validation_alias="group_client_codes", examples=[["example-power"]]
    )
    created_at: Utc
    created_by: str | None = Field(examples=["user:ada"])
    expires_at: Utc | None = Field(description="Null: never.")
    last_used_at: Utc | None = Field(description="To the minute.")
    revoked_at: Utc | None


class IssuedAnswer(Answer):
    """A key just issued; its secret is never shown again."""

    key: ApiKeyAnswer
    secret: str = Field(examples=["mk_q1wKz8Yd…"])


MeAnswer.model_rebuild()
