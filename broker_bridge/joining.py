"""Joins messages that came in several parts, over batches, connections and bridges.

Every part has its fate with the batch that brings it. The part that makes a message whole brings
what the message says.
"""

import asyncio

from broker_bridge import decoders
from broker_bridge.batch import Batch, Piece
from broker_bridge.decoders import Undecodable, fit
from foundation.database import Pool, transaction
from foundation.errors import MusterError
from foundation.logs import get_logger
from foundation.shutdown import paused
from telemetry import fragments
from telemetry.fragments import Kept, Part
from telemetry.model import Reason

log = get_logger(__name__)

_TIDY_SECONDS = 60
MOST_BYTES = 1_048_576  # of a whole message


async def join(pool: Pool, batch: Batch) -> None:
    """Take what the messages say that this batch makes whole; asks for the parts before it."""
    if not batch.pieces:
        return
    async with transaction(pool) as conn:
        asked = {(piece.ref.id, piece.fragment.key) for piece in batch.pieces}
        known = await fragments.find(conn, asked)
    for piece in batch.pieces:
        fragment, key = piece.fragment, (piece.ref.id, piece.fragment.key)
        kept = known.setdefault(key, Kept())
        if kept.joined and not piece.delivery.duplicate:
            kept = known[key] = Kept()  # another message of this key
        if kept.joined:
            continue  # the message was whole before, and this part came once more
        kept.bodies.setdefault(fragment.number, fragment.body)
        kept.parts = max(kept.parts, fragment.of)
        if sum(map(len, kept.bodies.values())) > MOST_BYTES:
            said = f"a message of more than {MOST_BYTES} bytes in parts"
            batch.refuse_part(piece.delivery, piece.ref.id, Reason.TOO_LARGE, said)
            continue
        batch.kept.append(
            Part(
                piece.ref.id,
                fragment.key,
                fragment.number,
                fragment.of,
                piece.delivery.received_us,
                piece.delivery.topic,
                fragment.body,
            )
        )
        whole = kept.whole()
        if whole is not None:
            known[key] = Kept(joined=True)
            batch.joined.append(key)
            _take(batch, piece, whole)
    batch.pieces.clear()


def _take(batch: Batch, piece: Piece, whole: bytes) -> None:
    try:
        said = decoders.join(piece.codec, piece.fragment.key, whole, piece.options)
    except Undecodable as error:
        batch.refuse_part(piece.delivery, piece.ref.id, error.reason, error.detail)
    else:
        batch.add_joined(piece, fit(said, piece.ref.profile))


async def tidy(pool: Pool, bridge: str, stop: asyncio.Event) -> None:
    """Send to quarantine, once a minute, what never became whole, until `stop`."""
    while not await paused(stop, _TIDY_SECONDS):
        try:
            async with transaction(pool) as conn:
                await fragments.expire(conn, bridge)
        except MusterError as error:
            log.debug("parts of messages are not tidied", reason=str(error))
