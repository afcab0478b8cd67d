"""The book on its way out."""

from datetime import date
from enum import StrEnum

from pydantic import Field

from api.schemas.shapes import Answer, PageOf, Utc
from registry.model import FileState, Standing, TerminalState, ValueGrade
from telemetry.book import FileWork

_CODE = Field(validation_alias="code", examples=["example-power"])
_NAME = Field(validation_alias="name", examples=["示例电力"])


class BookList(StrEnum):
    """The lists of a book that page."""

    FILES = "files"
    RIVALS = "rivals"
    SILENT = "silent"
    USAGE = "usage"


class FileToKeepAnswer(Answer):
    """A client whose file waits for somebody."""

    group_client: str = _CODE
    group_client_name: str = _NAME
    work: FileWork = Field(description="What is to be done next.")
    file_state: FileState
    file_since: Utc
    standing: Standing
    value_grade: ValueGrade | None
    watched: bool


class RivalAnswer(Answer):
    """Another operator's SIM, heard in a terminal of a client's."""

    time: Utc
    group_client: str = _CODE
    group_client_name: str = _NAME
    terminal: str = Field(examples=["METER-1"])


class SilentFleetAnswer(Answer):
    """A client with silent terminals in service."""

    group_client: str = _CODE
    group_client_name: str = _NAME
    silent: int
    in_service: int


class UsageAnswer(Answer):
    """What a customer has, and sent in the last seven days and the seven before (UTC)."""

    group_client: str = _CODE
    group_client_name: str = _NAME
    value_grade: ValueGrade | None
    terminals: int = Field(description="All that are not retired.")
    states: dict[TerminalState, int]
    messages: int
    messages_before: int


class ActivationDayAnswer(Answer):
    """SIMs that are put into use by themselves on a day (UTC)."""

    day: date
    sims: int


class BookAnswer(Answer):
    """The lists that were asked for; null are the others."""

    person: str | None = Field(description="Whose clients it is of; null: all that you see.")
    as_of: Utc | None = Field(description="Of the numbers of terminals; null: not counted yet.")
    files: PageOf[FileToKeepAnswer] | None = None
    rivals: PageOf[RivalAnswer] | None = None
    silent: PageOf[SilentFleetAnswer] | None = None
    usage: PageOf[UsageAnswer] | None = None
    activations: list[ActivationDayAnswer] | None = Field(
        None, description="Of the next 30 days; null, too, for who may not read SIMs."
    )
