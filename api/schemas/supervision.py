"""Roll-ups of supervision as the API shows them."""

from datetime import date, datetime

from pydantic import Field

from api.schemas.shapes import Answer, Utc


class SupervisedAnswer(Answer):
    """What there is of a key, and its rates (0 to 1, null where there is nothing to share)."""

    terminals: int = Field(description="On the roll and not retired.", examples=[12_480])
    registered: int = Field(description="In this state, as those that follow.", examples=[120])
    provisioned: int
    testing: int
    in_service: int = Field(examples=[12_000])
    maintenance: int
    isolated: int
    retired: int
    online: int = Field(description="In service, and their data comes.", examples=[11_870])
    sims_in_use: int = Field(description="In terminals that may connect.")
    sims_bound: int
    sims_ok: int = Field(description="Bound, and their terminals say so.")
    sims_violated: int = Field(description="Bound, and found in other hardware.")
    received: int = Field(description="Messages with readings, of the day (UTC).")
    stored: int
    bytes: int = Field(description="Of their payloads.")
    expected: int | None = Field(
        description="Readings of the day (UTC) that the terminals in service had to send so far;"
        " of a day, of those that were so the day before, too; null where that is unknown."
    )
    prospects: int | None = Field(description="Clients are null by sector: they have none.")
    customers: int | None = Field(examples=[210])
    verified: int | None = Field(description="Customers whose file is verified and not due.")
    files_due: int | None = Field(description="Customers whose file is due to be verified again.")
    online_rate: float | None = Field(description="online / in_service", examples=[0.989])
    activation_rate: float | None = Field(description="in_service / terminals")
    verified_rate: float | None = Field(description="verified / customers")
    completeness_rate: float | None = Field(description="stored / expected, 1 at most")
    binding_coverage: float | None = Field(description="(sims_ok + sims_violated) / sims_in_use")


class RollUpRow(Answer):
    """A key with its counts, and those of the day that it is compared with."""

    key: str | None = Field(
        examples=["320000"],
        description="Code of a region, industry, tier or client, an account manager's name"
        " (`_nobody`: clients that have none), or a word; null for what belongs to no client in"
        " sight: the operator's own, and clients that others supervise.",
    )
    title_zh: str | None = Field(examples=["江苏"])
    title_en: str | None = Field(examples=["Jiangsu"])
    counts: SupervisedAnswer
    then: SupervisedAnswer | None = Field(description="On the day of `compared_with`.")
    grown: int | None = Field(description="Terminals more than then.")
    customers_grown: int | None = Field(description="Customers more than then.")


class RollUpAnswer(Answer):
    """One page of a roll-up."""

    as_of: datetime | None = Field(
        examples=["2026-11-27T08:00:04Z"],
        description="Until when it is known; null while not everybody has been counted yet.",
    )
    bindings_at: datetime | None = Field(
        examples=["2026-11-27T07:12:00Z"], description="When SIMs were counted."
    )
    items: list[RollUpRow]
    next: str | None = Field(examples=["grid-js"])


class SupervisionDayAnswer(Answer):
    """A day that was taken."""

    day: date = Field(description="Of the deployment's time zone.")
    ended_at: Utc
    taken_at: Utc


class SupervisionDaysAnswer(Answer):
    """The days that can be asked for, newest first; one that was not taken is absent."""

    items: list[SupervisionDayAnswer]
