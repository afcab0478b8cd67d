"""The demo fleet's transfers: one of yesterday, and one that waits for consent."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from foundation.database import Connection
from registry import due_transfers, group_clients, terminal_lists, transfers
from registry.model import TerminalState
from registry.scope import Scope
from registry.transfer_model import Offer, Side

_GROUND = "示例过户协议 / demo agreement"
_MESSAGE = "设备随项目移交，请确认。 / The terminals go with the project: please confirm."


async def yesterday(conn: Connection, scope: Scope, code: str, to_client: str) -> dict[str, str]:
    """Let a terminal have gone to a client a day ago; its new password by its code."""
    offer = Offer(
        codes=[code],
        to_client=to_client,
        effective_at=datetime.now(UTC) - timedelta(days=1),
        evidence=dict.fromkeys(Side, _GROUND),
    )
    agreed = await transfers.propose(conn, scope, offer)
    await due_transfers.execute_next(conn, scope)
    issued = await transfers.hand_out(conn, scope, agreed.id)
    return {credential.username: credential.password for credential in issued}


async def waiting(conn: Connection, scope: Scope, clients: Sequence[str]) -> None:
    """See to it that a transfer to the first of the clients was proposed, by one of the others."""
    known = await transfers.list_page(conn, scope, limit=1000)
    if any(transfer.message == _MESSAGE for transfer in known.items):
        return
    for giver in clients[1:]:
        client = await group_clients.find(conn, scope, giver)
        owned = await terminal_lists.list_page(
            conn, scope, group_client=client.id, state=TerminalState.IN_SERVICE
        )
        own = [t.code for t in owned.items if t.group_client_id == client.id]  # not a branch's
        if own:
            offer = Offer(
                codes=own[:2],
                to_client=clients[0],
                message=_MESSAGE,
                evidence={Side.GIVING: _GROUND},
            )
            await transfers.propose(conn, scope, offer)
            return
