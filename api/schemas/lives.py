"""What became of a terminal, what it is made of, how it is called and through whom it speaks."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from api.schemas.group_clients import Code
from api.schemas.shapes import Answer, Body, Instant, Utc
from registry.model import TerminalState, TerminalWireName

Since = Annotated[
    Instant | None,
    Field(description="Null is now; never before the one that is there came."),
]


def _text(number: object) -> object:
    return None if number is None else str(number)


class MoveAnswer(Answer):
    """One move of a terminal's life."""

    at: Utc
    from_state: TerminalState
    to_state: TerminalState
    reason: str | None = Field(examples=["stolen"])
    actor: str | None = Field(
        description="As in the audit; null for who may not read that.", examples=["user:wang"]
    )


class _Interval(Answer):
    valid_from: Utc
    valid_to: Utc | None = Field(description="Null: still.")


class HardwareBody(Body):
    """Other hardware of a terminal, or none."""

    imei: str | None = Field(
        max_length=64, examples=["490154203237518"], description="15 digits, Luhn; null: none."
    )
    at: Since = None


class HardwareAnswer(_Interval):
    """From when to when a terminal was this hardware."""

    imei: Annotated[str, BeforeValidator(_text)] = Field(examples=["490154203237518"])


class PlacedSimBody(Body):
    """Another SIM in a terminal, or none."""

    iccid: str | None = Field(
        max_length=64, examples=["89860425102099341174"], description="On the roll; null: none."
    )
    at: Since = None


class PlacedSimAnswer(_Interval):
    """From when to when a SIM sat in a terminal; `iccid` null is one that is not yours to see."""

    iccid: Annotated[str | None, BeforeValidator(_text)] = Field(examples=["89860425102099341174"])


class WireNameBody(Body):
    """A name by which a terminal is known in a protocol."""

    kind: Literal["code", "jt808_phone", "meter_address", "dc09_account", "vin"]
    value: str = Field(max_length=64, examples=["13912345678"])


class WireNameAnswer(Answer):
    """A name of a terminal, in its normal form; `name` is what takes it away again."""

    name: str = Field(examples=["jt808_phone:13912345678"])
    kind: str = Field(examples=["jt808_phone"])
    value: str = Field(examples=["13912345678"])

    @classmethod
    def of(cls, given: TerminalWireName) -> "WireNameAnswer":
        """The name, as it is written in an address."""
        name = given.wire_name
        return cls(name=str(name), kind=name.kind, value=name.value)


class GatewayBody(Body):
    """The gateway that a terminal is to be behind, or none."""

    gateway: Code | None = Field(
        examples=["CONCENTRATOR-1"], description="Null: it speaks for itself."
    )
    at: Since = None


class GatewayAnswer(_Interval):
    """From when to when a terminal was behind a gateway; null is one that is not yours to see."""

    gateway: str | None = Field(examples=["CONCENTRATOR-1"])
