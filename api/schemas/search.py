"""What a search found, and how many a list has."""

from pydantic import BaseModel, Field

from api.schemas.shapes import Answer
from registry.search import Kind
from telemetry.tally import Count


class FoundAnswer(Answer):
    """A terminal, SIM or group client that is called so."""

    kind: Kind
    code: str = Field(examples=["METER-1"], description="Of a SIM, its ICCID.")
    name: str | None
    matched: str = Field(examples=["imei"], description="The field that begins so, or holds it.")
    value: str = Field(examples=["490154203237518"])
    terminal: str | None = Field(description="The terminal that a SIM is in, where it is yours.")


class SearchAnswer(BaseModel):
    """The best matches, whole ones first; there may be more of what begins so."""

    items: list[FoundAnswer]


class EstimateAnswer(BaseModel):
    """Beyond ten thousand: about how many, within ten per cent."""

    estimate: int = Field(examples=[1200000])


def counted(count: Count) -> int | EstimateAnswer:
    """A count as the API answers it."""
    return count.number if count.exact else EstimateAnswer(estimate=count.number)
