"""`/api/v1/decode`: what a payload says; nothing of it is kept."""

from typing import Annotated

from fastapi import APIRouter

from api.dependencies import Needs, Transaction
from api.inspecting import inspected
from api.schemas.decoding import DecodeAnswer, DecodeBody
from api.strict import StrictRoute
from registry.scope import Right, Scope

router = APIRouter(prefix="/api/v1", tags=["profiles"], route_class=StrictRoute)


@router.post("/decode", operation_id="decode_payload")
async def decode_payload(
    scope: Annotated[Scope, Needs(Right.PROFILES_READ)], conn: Transaction, body: DecodeBody
) -> DecodeAnswer:
    """Say what a payload says, or at which byte it cannot be read, as the bridge would read it."""
    told = await inspected(
        conn, scope, body.payload, body.form, body.profile, body.codec, body.options
    )
    return DecodeAnswer.model_validate(told)
