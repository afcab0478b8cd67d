"""The one follower of the feed of a process, and what each of its streams is given of it.

A turn reads what is new, of whom first; then what has changed in the registry since, and what each
stream sees of the terminals concerned, with its own scope and under its policies; then what the
rows say that somebody wants. So nobody is shown what they did not see any more when it was
committed. It follows only while there is a stream.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from math import ceil

import numpy as np

from api import auth
from api.errors import ScopeChanged, Stopping, StreamDone, StreamsFull, TooManyStreams
from api.limits import only_client
from api.live import frames, shares
from api.live.pace import paced
from api.live.stream import Asked, Stream
from api.metrics import ApiMetrics
from foundation.database import Connection, Pool, transaction
from foundation.errors import MusterError, Unavailable
from foundation.logs import get_logger
from foundation.settings import Settings
from foundation.shutdown import paused
from registry import profiles
from registry.errors import NotSignedIn
from registry.model import DeviceProfile
from registry.rules import Rules
from registry.scope import Scope
from telemetry import live, moments
from telemetry.bookmark import Bookmark
from telemetry.live import Changes, Page

log = get_logger(__name__)

SYSTEM = Scope.system("live")
POLL_SECONDS = 0.5
CHECK_SECONDS = 2.0
"""How often it is looked whether keys and sessions are still in force and see the same."""
LIST_SECONDS = 60.0
"""How often each stream's terminals are listed anew."""

_RETRY_SECONDS = 2.0
_TRUSTED_SECONDS = 600.0  # without the registry's changes; after that everything is read again
_READY_SECONDS = 10.0
_CATCHING_UP_AT_ONCE = 2
_BEAT_SECONDS = 15.0
_NOT_READ = "The feed of live streams is not read now."
_SEND_SECONDS = 30.0


class Hub:
    """The live streams of one process; `kept` while it serves."""

    def __init__(self, settings: Settings, rules: Rules, metrics: ApiMetrics) -> None:
        self._settings = settings
        self._rules = rules
        self._metrics = metrics
        self._pool: Pool | None = None
        self._streams: set[Stream] = set()
        self._attached: set[Stream] = set()
        self._following: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._nobody = asyncio.Event()
        self._turning = asyncio.Lock()
        self._catching_up = asyncio.Semaphore(_CATCHING_UP_AT_ONCE)
        self._end: Bookmark | None = None
        self._position = "0"
        self._profiles: dict[int, DeviceProfile] = {}
        self._heard_at = self._checked_at = 0.0
        self._stopping = False
        metrics.live_feed.set_function(self._age)

    @asynccontextmanager
    async def kept(self, pool: Pool) -> AsyncIterator[None]:
        """Serve streams from this pool while within."""
        self._pool = pool
        try:
            yield
        finally:
            self.stop()
            await self._rest()

    @property
    def is_following(self) -> bool:
        """Whether the feed is read now."""
        return self._following is not None and not self._following.done()

    def stop(self) -> None:
        """End all streams, and take no more: the process is about to stop."""
        self._stopping = True
        for stream in self._streams:
            stream.end(Stopping())

    @asynccontextmanager
    async def admitted(self, asked: Asked) -> AsyncIterator[Stream]:
        """A stream while within; else TooManyStreams, StreamsFull or Stopping."""
        self._check_room(asked.scope)
        stream = Stream(asked, self._settings.live_waiting_bytes)
        self._streams.add(stream)
        self._nobody.clear()
        self._metrics.streams.set(len(self._streams))
        if not self.is_following:
            self._ready.clear()
            self._following = asyncio.create_task(self._follow(), name="live feed")
            self._following.add_done_callback(self._rested)
        try:
            yield stream
        except MusterError as error:
            stream.end(error)
            raise
        finally:
            self._streams.discard(stream)
            self._attached.discard(stream)
            self._metrics.streams.set(len(self._streams))
            self._metrics.live_ended(stream.over.code if stream.over else "gone")
            if not self._streams:
                self._nobody.set()
        if self._nobody.is_set() and self._following is not None:
            await asyncio.wait({self._following}, timeout=_RETRY_SECONDS)

    async def begin(self, stream: Stream) -> bytes:
        """The first event of a stream; BookmarkInvalid where `after` is no place of ours."""
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await self._ready.wait()
        except TimeoutError:
            raise Unavailable(_NOT_READ) from None
        assert self._end is not None
        if stream.bookmark is not None:
            async with transaction(self._open_pool(), SYSTEM.settings()) as conn:
                live.check(stream.bookmark, await live.newest(conn, SYSTEM), "after")
        else:
            await self._is_attached(stream)
        assert stream.bookmark is not None
        return frames.opening(len(stream.ids), stream.bookmark)

    async def events(self, stream: Stream) -> AsyncIterator[bytes]:
        """What comes after the first event, some at a time, with the last one that says why."""
        seconds = stream.asked.seconds
        until = None if seconds is None else time.monotonic() + seconds
        try:
            while stream.over is None and not await self._is_attached(stream):
                async with self._catching_up:
                    place, made = await self._catch_up(stream)
                yield b"".join(made) or frames.beat(place)
        except MusterError as error:
            stream.end(error)
        while (waiting := await stream.take(_patience(until))) is not None:
            self._metrics.live_sent.inc(len(waiting))
            is_done = until is not None and time.monotonic() >= until
            if waiting:
                yield b"".join(waiting)
            elif not is_done and self._end is not None:
                yield frames.beat(self._end)
            if is_done:
                stream.end(StreamDone())
        yield stream.farewell()

    async def send(self, stream: Stream, sending: Awaitable[None]) -> bool:
        """Wait until the reader has taken something; False for one who does not."""
        return await stream.sent(sending, _SEND_SECONDS)

    # --- who is let in -----------------------------------------------------------------------

    def _check_room(self, scope: Scope) -> None:
        if self._stopping:
            raise Stopping
        settings = self._settings
        if len(self._streams) >= settings.live_streams:
            raise StreamsFull
        own = sum(stream.scope.actor == scope.actor for stream in self._streams)
        if own >= settings.live_streams_caller:
            raise TooManyStreams(settings.live_streams_caller)
        client = only_client(scope)
        of_client = Counter(only_client(stream.scope) for stream in self._streams)
        if client is not None and of_client[client] >= settings.live_streams_client:
            raise TooManyStreams(settings.live_streams_client)

    # --- one stream --------------------------------------------------------------------------

    async def _is_attached(self, stream: Stream) -> bool:
        """Whether a stream has what the next turns find, once it has come as far as they have."""
        if stream in self._attached:
            return True
        async with self._turning:
            end = self._end
            if end is None:
                raise Unavailable(_NOT_READ)
            behind, ahead = _apart(stream.bookmark or end, end)
            if behind:
                return False
            if not ahead:
                await self._look(stream)
                stream.bookmark = end
                self._attached.add(stream)
                return True
        await asyncio.sleep(POLL_SECONDS)  # another process had come further than this one
        return False

    async def _catch_up(self, stream: Stream) -> tuple[Bookmark, list[bytes]]:
        """The next of what a stream has missed, and up to where that is."""
        assert stream.bookmark is not None
        assert self._end is not None
        async with transaction(self._open_pool(), SYSTEM.settings()) as conn:
            page = await live.read(conn, SYSTEM, stream.bookmark, self._end)
        await self._learn_profiles(page)
        await self._look(stream)
        wanted = {stream: page.of(stream.moments)}
        share = await shares.opened(self._open_pool(), SYSTEM, page, self._profiles, wanted)
        made = share(stream)
        self._metrics.live_sent.inc(len(made))
        stream.bookmark = page.end
        return page.end, made

    async def _look(self, stream: Stream) -> None:
        """See what a stream's scope sees of its terminals now."""
        async with transaction(self._open_pool(), stream.scope.settings()) as conn:
            stream.moments = await moments.find(conn, stream.scope, stream.ids.tolist())
        stream.is_stale = False

    async def _list(self, stream: Stream) -> None:
        """Find a stream's terminals anew; it is over where it may not be asked any more."""
        try:
            async with transaction(self._open_pool(), stream.scope.settings()) as conn:
                stream.ids = await stream.asked.terminals(conn, stream.scope)
                stream.moments = await moments.find(conn, stream.scope, stream.ids.tolist())
        except Unavailable:
            raise
        except MusterError as error:
            stream.end(error)
        stream.listed_at = time.monotonic()
        stream.is_stale = False

    # --- all of them -------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Take turns while there is a stream; a database that goes away is waited for."""
        self._end = None
        self._heard_at = time.monotonic()
        while self._streams:
            wait = POLL_SECONDS
            try:
                async with self._turning:
                    more = await self._turn()
                wait = 0 if more else POLL_SECONDS
            except MusterError as error:
                log.warning("live feed not read", reason=str(error))
                wait = _RETRY_SECONDS
            await paused(self._nobody, wait)

    async def _turn(self) -> bool:
        """Read what is new and give each stream its own; whether there is more already."""
        await self._start()
        assert self._end is not None
        async with transaction(self._open_pool(), SYSTEM.settings()) as conn:
            newest = await live.newest(conn, SYSTEM)
            page = await live.read(conn, SYSTEM, self._end, newest)
            changes = await live.changes(conn, SYSTEM, self._position)
            await self._check_credentials(conn)
        await self._learn_profiles(page, anew=changes.profiles)
        if changes.clients or len(changes.terminals):
            async for stream in paced(tuple(self._attached), POLL_SECONDS):
                stream.is_stale |= changes.clients or _concerned(changes, stream)
        await self._refresh()
        streams = [stream for stream in self._attached if stream.over is None]
        wanted = {s: page.of(s.moments) async for s in paced(streams, POLL_SECONDS)}
        share = await shares.opened(self._open_pool(), SYSTEM, page, self._profiles, wanted)
        async for stream in paced(wanted, POLL_SECONDS):
            stream.push(share(stream))
        self._end, self._position = page.end, changes.position
        self._heard_at = time.monotonic()
        self._ready.set()
        return any(page.end.done[name] < n for name, n in newest.done.items())

    async def _start(self) -> None:
        """Begin at the end of the feed; after too long a break trust nothing that was seen."""
        if self._end is not None and time.monotonic() - self._heard_at < _TRUSTED_SECONDS:
            return
        async with transaction(self._open_pool(), SYSTEM.settings()) as conn:
            self._position = await live.position(conn, SYSTEM)
            if self._end is None:
                self._end = await live.newest(conn, SYSTEM)
        for stream in self._attached:
            stream.is_stale = True

    async def _refresh(self) -> None:
        """See anew what has changed, and list a few streams' terminals whose turn it is."""
        now = time.monotonic()
        due = [s for s in self._attached if now - s.listed_at > LIST_SECONDS and s.over is None]
        due.sort(key=lambda stream: stream.listed_at)
        for stream in due[: ceil(2 * len(self._attached) * POLL_SECONDS / LIST_SECONDS)]:
            await self._list(stream)
        for stream in [s for s in self._attached if s.is_stale and s.over is None]:
            await self._look(stream)

    async def _check_credentials(self, conn: Connection) -> None:
        """End the streams whose key or session is not in force any more, or sees something else."""
        now = time.monotonic()
        if now - self._checked_at < CHECK_SECONDS:
            return
        shown = {stream.asked.credential for stream in self._streams}
        found = await auth.in_force(conn, shown, self._rules)
        for stream in self._streams:
            scope = found.get(stream.asked.credential)
            if scope is None:
                stream.end(NotSignedIn("Your key or session is not in force any more."))
            elif scope != stream.scope:
                stream.end(ScopeChanged())
        self._checked_at = now

    async def _learn_profiles(self, page: Page, *, anew: bool = False) -> None:
        """Know the profiles of a page."""
        if not anew and page.profiles <= self._profiles.keys():
            return
        async with transaction(self._open_pool(), SYSTEM.settings()) as conn:
            found = await profiles.list_all(conn, SYSTEM)
        self._profiles = {profile.id: profile for profile in found}

    def _open_pool(self) -> Pool:
        if self._pool is None:
            raise Unavailable("This process does not serve yet.")
        return self._pool

    def _rested(self, following: asyncio.Task[None]) -> None:
        """Let nobody wait for a follower that has fallen."""
        if not following.cancelled() and (error := following.exception()) is not None:
            log.error("live feed not read", exc_info=error)
            for stream in self._streams:
                stream.end(Unavailable(_NOT_READ))

    async def _rest(self) -> None:
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following

    def _age(self) -> float:
        return time.monotonic() - self._heard_at if self._streams and self._heard_at else 0.0


def _patience(until: float | None) -> float:
    """How long to wait for something to send."""
    return (
        _BEAT_SECONDS if until is None else max(0.0, min(_BEAT_SECONDS, until - time.monotonic()))
    )


def _concerned(changes: Changes, stream: Stream) -> bool:
    """Whether anything has changed of a terminal that a stream follows."""
    return bool(np.isin(changes.terminals, stream.ids).any())


def _apart(bookmark: Bookmark, end: Bookmark) -> tuple[bool, bool]:
    """Whether a bookmark is behind an end, and whether it is ahead, in any source."""
    behind = any(bookmark.done.get(name, 0) < n for name, n in end.done.items())
    ahead = any(
        n > end.done.get(name, 0) or (name in bookmark.rows and n == end.done.get(name, 0))
        for name, n in bookmark.done.items()
    )
    return behind, ahead
