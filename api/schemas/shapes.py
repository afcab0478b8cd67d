"""What all nouns share: strict bodies, pages, instants."""

import re
from datetime import datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

Item = TypeVar("Item")

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def _rfc3339(value: object) -> object:
    if isinstance(value, str) and not _RFC3339.fullmatch(value):
        # A "+" that nobody encoded arrives as a blank; it is the commonest mistake here.
        why = "an RFC 3339 time with offset is needed, such as 2026-11-23T12:00:00Z"
        raise PydanticCustomError("rfc3339", why)
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_rfc3339)]


class Body(BaseModel):
    """A request's body: unknown fields are refused, and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """A part of an answer, read from the attributes of a thing of the trade."""

    model_config = ConfigDict(from_attributes=True)


class PageOf(Answer, Generic[Item]):
    """One page of a list; `next` opens the page after it (`?after=`), null on the last one."""

    items: list[Item]
    next: str | None = Field(examples=["cMETER-50.50"])


Utc = Annotated[datetime, Field(examples=["2026-11-23T12:00:00Z"])]
