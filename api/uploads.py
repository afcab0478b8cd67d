"""Files that are sent to us: as they come, a few at a time, and never for ever.

An upload is one transaction from its first byte to its last, so that one which is broken off leaves
nothing; while it is slow its connection is kept from falling asleep.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg

from api.errors import TooMany
from foundation.database import Connection
from foundation.errors import Invalid
from registry.imports.model import MOST_FILE_BYTES

ADDRESSES = frozenset({"/api/v1/imports", "/imports"})
"""Where more than a request's usual measure may be sent to."""
MOST_BODY_BYTES = MOST_FILE_BYTES + 64 * 1024  # a form's own words stand around its file

_MOST_AT_ONCE = 3
_LONGEST_SECONDS = 900
_AWAKE_SECONDS = 15


class UploadsBusy(TooMany):
    """As many files as this process takes at once are coming in."""

    code = "uploads_busy"


class UploadTooSlow(Invalid):
    """The file did not come within 15 minutes."""

    code = "upload_too_slow"
    remedy = "Send it over a faster line, or in several files."


class Uploads:
    """The uploads of this process."""

    def __init__(self) -> None:
        self._open = 0

    @asynccontextmanager
    async def admitted(self, conn: Connection) -> AsyncIterator[None]:
        """Take one file in; UploadsBusy where there are too many, UploadTooSlow at its end."""
        if self._open >= _MOST_AT_ONCE:
            raise UploadsBusy("Too many files are coming in; try again in 5 s.", 5)
        self._open += 1
        waking = asyncio.create_task(_keep_awake(conn), name="upload")
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                yield
        except TimeoutError:
            raise UploadTooSlow from None
        finally:
            self._open -= 1
            waking.cancel()
            with suppress(asyncio.CancelledError):
                await waking


async def _keep_awake(conn: Connection) -> None:
    with suppress(psycopg.Error):  # the upload itself meets it, too
        while True:
            await asyncio.sleep(_AWAKE_SECONDS)
            await conn.execute("select 1")
