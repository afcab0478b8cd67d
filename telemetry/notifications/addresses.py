"""What a channel's address may be, and what is shown of it."""

import re

from foundation.egress import AddressRefused, Egress, TargetAway, parse
from telemetry.notifications.model import ChannelKind

_MAIL = re.compile(r"[A-Za-z0-9._%+=/'-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,8}")
_NUMBER = re.compile(r"\+?[0-9]{5,15}")


async def check(egress: Egress, kind: ChannelKind, address: str) -> None:
    """Return if something may be sent there, as far as is known now; AddressRefused else."""
    if kind is ChannelKind.MAIL:
        if not _MAIL.fullmatch(address):
            raise AddressRefused("This is no mail address.")
    elif kind is ChannelKind.SMS:
        if not _NUMBER.fullmatch(address):
            raise AddressRefused("A number has 5 to 15 digits, perhaps with a + before them.")
    else:
        try:
            await egress.check(address)
        except TargetAway as error:
            raise AddressRefused(str(error)) from error


def shown(kind: ChannelKind, address: str) -> str:
    """What is shown of an address: never what may let others in, which paths and queries hold."""
    if kind is ChannelKind.MAIL:
        return address
    if kind is ChannelKind.SMS:
        return f"{address[:-8]}****{address[-4:]}"
    parts = parse(address)
    return f"{parts.scheme}://{parts.netloc}/…"
