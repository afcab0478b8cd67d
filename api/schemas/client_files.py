"""Client files and tiers on their way in and out."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.shapes import Answer, Body, Instant, Utc
from registry import file_model
from registry.file_model import ClientFile, FilePolicy, FileWarning, TierTerms
from registry.model import FileState, Standing, ValueGrade

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Reason = Annotated[str | None, Field(max_length=500, examples=["contract 2026-118 seen"])]


class ContactBody(Body):
    """Somebody to ask at a client."""

    name: Line = Field(examples=["王伟"])
    role: Line | None = Field(None, examples=["fleet manager"])
    phone: Line | None = Field(None, examples=["+86 512 6280 0000"])
    mail: Line | None = Field(None, examples=["wang@example.com"])

    def contact(self) -> file_model.Contact:
        """The contact in normal form."""
        return file_model.Contact.of(self.name, self.role, self.phone, self.mail)


class FileChange(Body):
    """What is to be noted in a file; what is not named stays, null takes away."""

    credit_code: str | None = Field(
        None, max_length=64, examples=["91350100M000100Y43"], description="GB 32100-2015."
    )
    value_grade: ValueGrade | None = None
    watched: bool | None = Field(None, description="Marked for close care; never null.")
    products: Text | None = Field(None, description="Which services it uses.")
    rivals: Text | None = Field(None, description="Which services of others it uses.")
    expected_terminals: int | None = Field(None, ge=0, le=100_000_000)
    needs: Text | None = None
    contacts: list[ContactBody] | None = Field(
        None, max_length=file_model.MOST_CONTACTS, description="All that it is to have."
    )

    @model_validator(mode="after")
    def _watched_or_not(self) -> Self:
        if "watched" in self.model_fields_set and self.watched is None:
            raise PydanticCustomError("never_null", "a client is watched or not")
        return self


class ContactAnswer(Answer):
    """Somebody to ask at a client."""

    name: str = Field(examples=["王伟"])
    role: str | None
    phone: str | None
    mail: str | None


class FileAnswer(Answer):
    """What is known of a client, and who vouches for it; `version` is the client's."""

    code: str = Field(examples=["example-power"])
    name: str
    file_state: FileState
    file_since: Utc
    file_reason: str | None
    filed_by: str | None = Field(examples=["user:wang"], description="Does not verify it.")
    verified_by: str | None = Field(examples=["user:li"])
    due_at: Utc | None = Field(description="When a verified file is due again.")
    standing: Standing
    standing_since: Utc
    value_grade: ValueGrade | None
    watched: bool
    credit_code: str | None = Field(examples=["91350100M000100Y43"])
    products: str | None
    rivals: str | None
    expected_terminals: int | None
    needs: str | None
    contacts: list[ContactAnswer]
    answered_at: Utc | None = Field(description="When the survey was answered last.")
    answered_by: str | None
    tier: str = Field(examples=["gold"])
    terminals: int = Field(description="That it owns and that are not retired.")
    terminal_quota: int | None = Field(description="Of its tier; null is no limit.")
    messages_share: float | None = Field(
        description="What came a second yesterday (UTC), on average, of what its tier allows."
    )
    bytes_share: float | None = Field(description="The same of bytes; null is no limit.")
    tier_until: Utc | None = Field(description="When its trial ends; null: it is for good.")
    file_policy: FilePolicy = Field(
        description="What the tier makes of a file that is not verified, or is due."
    )
    warnings: list[FileWarning]
    version: int

    @classmethod
    def of(cls, file: ClientFile) -> "FileAnswer":
        """The file, its terms among its fields."""
        told = {name: getattr(file, name) for name in cls.model_fields if hasattr(file, name)}
        terms = file.terms
        return cls(
            **told
            | {
                "credit_code": file.credit_code and str(file.credit_code),
                "contacts": [ContactAnswer.model_validate(one) for one in file.contacts],
            },
            tier=file.tier_code,
            terminals=terms.terminals,
            terminal_quota=terms.terminal_quota,
            messages_share=terms.messages_share,
            bytes_share=terms.bytes_share,
            tier_until=terms.tier_until,
            file_policy=terms.file_policy,
            warnings=list(terms.warnings),
        )


class FileMoveBody(Body):
    """The state that a file is to come to; closing and reopening need a reason."""

    state: FileState = Field(examples=["verified"])
    reason: Reason = None
    due_at: Instant | None = Field(
        None, description="Until when it is verified; null: as long as the tier says."
    )


class FileMoveAnswer(Answer):
    """A state that a file came to; the first one came from none."""

    at: Utc
    from_state: FileState | None
    to_state: FileState
    reason: str | None
    actor: str = Field(examples=["user:wang"])


class StandingBody(Body):
    """What a client is from an instant on."""

    standing: Standing
    since: Instant | None = Field(None, description="Null is now; after the present one's.")
    reason: Reason = None


class ClientStandingAnswer(Answer):
    """A standing that a client came to; the first one came from none."""

    since: Utc
    from_standing: Standing | None
    to_standing: Standing
    reason: str | None
    actor: str = Field(examples=["user:wang"])
    noted_at: Utc


class EvidenceBody(Body):
    """A document that there is for a file; the document itself stays where it is."""

    name: Annotated[str, Field(min_length=1, max_length=200, examples=["licence.pdf"])]
    sha256: Annotated[str, Field(max_length=80, description="Of its bytes, in hexadecimal digits.")]
    note: str | None = Field(None, max_length=500)


class EvidenceAnswer(Answer):
    """A document that was added to a file, for good."""

    name: str = Field(examples=["licence.pdf"])
    sha256: str
    note: str | None
    added_at: Utc
    actor: str = Field(examples=["user:wang"])

    @classmethod
    def of(cls, added: file_model.Evidence) -> "EvidenceAnswer":
        """The document, and who added it when."""
        document = added.document
        return cls(
            name=document.name,
            sha256=document.sha256,
            note=document.note,
            added_at=added.added_at,
            actor=added.actor,
        )


class TierChange(Body):
    """What is to be changed of a tier; what is not named stays."""

    title_zh: Line | None = None
    title_en: Line | None = None
    offline_factor: float | None = Field(None, gt=0, le=1000)
    history_days: int | None = Field(None, ge=1, le=36500)
    terminal_quota: int | None = Field(None, ge=0, le=2**31 - 1, description="Null: no limit.")
    messages_per_second: int | None = Field(
        None, ge=1, le=2**31 - 1, description="Of all its terminals; null: no limit."
    )
    bytes_per_second: int | None = Field(
        None, ge=1, le=100_000_000, description="Of their payloads; null: no limit."
    )
    file_policy: FilePolicy | None = None
    verification_days: int | None = Field(None, ge=1, le=3650)
    alarm_response_minutes: int | None = Field(
        None, ge=1, le=100_000, description="Within which somebody is to take note of an alarm."
    )
    series_cap: int | None = Field(
        None, ge=0, le=2**31 - 1, description="Series that a scrape of a client may have."
    )
    exports_per_day: int | None = Field(
        None, ge=0, le=2**31 - 1, description="Of all its people and keys; null: no limit."
    )
    export_bytes_per_day: int | None = Field(
        None, ge=0, le=2**53 - 1, description="In their files; null: no limit of its own."
    )
    trial_days: int | None = Field(
        None, ge=1, le=3650, description="For how long it is tried; null: it is for good."
    )
    after_trial: str | None = Field(
        None, max_length=64, examples=["bronze"], description="The tier that follows then."
    )

    @model_validator(mode="after")
    def _only_limits_end(self) -> Self:
        limits = {
            "terminal_quota",
            "messages_per_second",
            "bytes_per_second",
            "alarm_response_minutes",
            "series_cap",
            "exports_per_day",
            "export_bytes_per_day",
            "trial_days",
            "after_trial",
        }
        if any(getattr(self, name) is None for name in self.model_fields_set - limits):
            raise PydanticCustomError("never_null", "only a limit or a trial can be null")
        return self


class TierAnswer(Answer):
    """A service level: what a group client may have, and how closely it is watched."""

    code: str = Field(examples=["gold"])
    title_zh: str = Field(examples=["金牌"])
    title_en: str = Field(examples=["Gold"])
    offline_factor: float = Field(description="Of a profile's expected interval, then silent.")
    history_days: int
    terminal_quota: int | None = Field(description="Null is no limit.")
    messages_per_second: int | None
    bytes_per_second: int | None = Field(description="Of payloads; null is no limit.")
    file_policy: FilePolicy
    verification_days: int = Field(description="For how long a file is verified.")
    alarm_response_minutes: int | None = Field(description="Within which to take note of alarms.")
    series_cap: int | None = Field(description="Of a scrape; null: as many as any may have.")
    exports_per_day: int | None = Field(description="Of all its people and keys.")
    export_bytes_per_day: int | None = Field(description="Null is no limit of its own.")
    trial_days: int | None = Field(examples=[90], description="Null: it is for good.")
    after_trial: str | None = Field(examples=["bronze"])
    version: int


class TiersAnswer(Answer):
    """Every tier; there are few."""

    items: list[TierAnswer]

    @classmethod
    def of(cls, tiers: tuple[TierTerms, ...]) -> "TiersAnswer":
        """All of them."""
        return cls(items=[TierAnswer.model_validate(tier) for tier in tiers])
