"""A payload that somebody wrote down, read as the bridge reads it."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from broker_bridge import inspection
from foundation.database import Connection
from foundation.errors import Invalid
from registry import profiles
from registry.scope import Right, Scope


async def inspected(
    conn: Connection,
    scope: Scope,
    payload: str,
    form: str,
    profile_code: str | None,
    codec: str | None,
    options: Mapping[str, str | bool],
) -> dict[str, Any]:
    """What it says, by a profile of the scope or by a codec; Invalid unless one of them is named.

    Decoding takes time in proportion to the bytes, and is done beside the event loop.
    """
    scope.require(Right.PROFILES_READ)
    if (profile_code is None) == (codec is None):
        raise Invalid("Name a profile or a codec, and not both.", field="profile")
    profile = None
    if profile_code is not None:
        profile = await profiles.find(conn, scope, profile_code)
        if options:
            raise Invalid("A profile has options of its own.", field="options")
        codec, options = profile.codec, profile.codec_options
    assert codec is not None
    return await asyncio.to_thread(
        inspection.inspect,
        inspection.bytes_of(payload, form),
        codec,
        options,
        received_us=time.time_ns() // 1000,
        profile=profile,
    )
