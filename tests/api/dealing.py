"""What the two sides of the parted country have to do with each other: transfers.

1000001   power-deal gives DEAL-01, in Suzhou, to transit-deal
1000002   transit-deal gives DEAL-02, in Hangzhou, to the operator
1000003   power-deal gives DEAL-03, in Suzhou, to the operator
1000004   transit-quiet gives DEAL-05, in Suzhou, to the operator
1000005   transit-deal gave DEAL-04, in Suzhou, to power-deal; the others are open
"""

from collections.abc import Mapping
from dataclasses import dataclass

from foundation.database import Connection
from registry import due_transfers, group_clients, terminals, transfers
from registry.identifiers import TerminalCode
from registry.scope import Right
from registry.transfer_model import Offer, Side
from tests.api.world import HANGZHOU, POWER, SUZHOU, SYSTEM, TRANSIT

# Who sees them: the clients that they are between, and who supervises one of these, or the place.
BOTH = frozenset({"jiangsu", "zhejiang", "power", "transit"})
DEALS: Mapping[str, frozenset[str]] = {
    "1000001": BOTH,
    "1000002": frozenset({"zhejiang", "transit"}),
    "1000003": frozenset({"jiangsu", "power"}),
    "1000004": frozenset({"jiangsu", "zhejiang", "transit"}),
}
# Of these each side has still to agree; the operator has to the last one.
AWAITED = {deal: viewers for deal, viewers in DEALS.items() if deal != "1000004"}
DEALT: Mapping[str, frozenset[str]] = {"1000005": BOTH}
RECEIVED: Mapping[str, frozenset[str]] = {"1000005": frozenset({"jiangsu", "power"})}


@dataclass(frozen=True, slots=True)
class Word:
    """A text that stands for one thing: who may meet it, from where and with which right.

    The audit tells it to who supervises the client whose it is, too: to `told`.
    """

    text: str
    viewers: frozenset[str]
    right: Right
    told: frozenset[str] = frozenset()


async def build(conn: Connection) -> list[Word]:
    """Transfers between clients of both sides; the words of who gives what to whom."""
    power, transit = frozenset({"jiangsu", "power"}), frozenset({"zhejiang", "transit"})
    for code, parent, city in (
        ("power-deal", POWER, SUZHOU),
        ("transit-deal", TRANSIT, HANGZHOU),
        ("transit-quiet", TRANSIT, HANGZHOU),
    ):
        await group_clients.register(
            conn, SYSTEM, code=code, name=f"name of {code}", region=city, industry="power",
            tier="gold", parent=parent,
        )  # fmt: skip
    await conn.execute("alter table registry.transfer alter column id restart with 1000001")
    words = [
        Word("power-deal", BOTH, Right.GROUP_CLIENTS_READ),
        Word("transit-deal", BOTH, Right.GROUP_CLIENTS_READ),
        Word("transit-quiet", transit, Right.GROUP_CLIENTS_READ),
    ]
    evidence = {Side.GIVING: "paper", Side.RECEIVING: "paper"}
    for code, giving, receiving, city, seen, told in (
        ("DEAL-01", "power-deal", "transit-deal", SUZHOU, power, BOTH),
        ("DEAL-02", "transit-deal", None, HANGZHOU, transit, transit),
        ("DEAL-03", "power-deal", None, SUZHOU, power, power),
        ("DEAL-05", "transit-quiet", None, SUZHOU, transit | {"jiangsu"}, transit),
        ("DEAL-04", "transit-deal", "power-deal", SUZHOU, power | {"zhejiang"}, BOTH),
    ):
        await terminals.register(
            conn, SYSTEM, code=TerminalCode.parse(code), profile="smart_meter", region=city,
            group_client=giving, name=f"name of {code}",
        )  # fmt: skip
        is_done = code == "DEAL-04"
        offer = Offer(
            codes=[code], to_client=receiving, message=f"message of {code}",
            evidence=evidence if is_done else {},
        )  # fmt: skip
        await transfers.propose(conn, SYSTEM, offer)
        words.append(Word(code, told | seen, Right.TERMINALS_READ, told))
        words.append(Word(f"message of {code}", told, Right.TRANSFERS_READ))
        if not is_done:
            words.append(Word(f"name of {code}", seen, Right.TERMINALS_READ, seen))
    assert await due_transfers.execute_next(conn, SYSTEM)
    return words
