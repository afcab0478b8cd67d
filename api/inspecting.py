"""A payload that somebody wrote down, read as the bridge reads it."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from broker_bridge import inspection
from foundation.database import Connection
from foundation.errors import Invalid
from registry import profiles
from registry.model import DeviceProfile
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
    return await _inspected(payload, form, codec, options, profile)


async def inspected_by(profile: DeviceProfile, payload: str, form: str) -> dict[str, Any]:
    """What it says by a profile that need not be defined."""
    return await _inspected(payload, form, profile.codec, profile.codec_options, profile)


async def _inspected(
    payload: str,
    form: str,
    codec: str,
    options: Mapping[str, str | bool],
    profile: DeviceProfile | None,
) -> dict[str, Any]:
    return await asyncio.to_thread(
        inspection.inspect,
        inspection.bytes_of(payload, form),
        codec,
        options,
        received_us=time.time_ns() // 1000,
        profile=profile,
    )
