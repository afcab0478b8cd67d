"""What is refused before anybody looks at a request: headers that are too large, doubled or broken.

Nothing here reads what a header means. `Host` and `X-Forwarded-*` make no address of ours: every
link is a path, and the forwarded ones count only from the proxies that the settings name.
"""

import re

from starlette.types import Scope

from api.errors import HeaderInvalid, HeadersTooLarge

MOST_HEADER_BYTES = 32 * 1024
_EACH_BYTES = 32  # what one more header costs, as HTTP/2 counts it

_SINGLE = frozenset(
    {b"authorization", b"content-encoding", b"content-length", b"content-type", b"host",
     b"idempotency-key"}
)  # fmt: skip
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})(:\d{1,5})?")


def check(scope: Scope) -> None:
    """Return if the headers can be read in one way only; else HeadersTooLarge or HeaderInvalid."""
    size, met = 0, set()
    for name, value in scope["headers"]:
        size += len(name) + len(value) + _EACH_BYTES
        if name in _SINGLE:
            if name in met:
                raise HeaderInvalid(f"The header {name.decode()} is given twice.")
            met.add(name)
        if name == b"host" and not _HOST.fullmatch(value):
            raise HeaderInvalid("The header host names no host.")
    if size > MOST_HEADER_BYTES:
        raise HeadersTooLarge
