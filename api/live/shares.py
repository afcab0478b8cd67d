"""What each stream is given of a page of the feed.

Readings, events and presence by whose the terminal was at their time; turns of alarms by what the
stream's own scope sees of the alarm, under its policies.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from operator import itemgetter

from api.live import frames
from api.live.frames import Frames
from api.live.stream import Stream
from foundation.database import Pool, transaction
from registry.model import DeviceProfile
from registry.scope import Right, Scope
from telemetry.alarms import desk
from telemetry.alarms.desk import Alarm
from telemetry.live import Items, Page

Wanted = Mapping[Stream, Items]


async def opened(
    pool: Pool, reader: Scope, page: Page, profiles: Mapping[int, DeviceProfile], wanted: Wanted
) -> Callable[[Stream], list[bytes]]:
    """Read what is wanted of a page, as `reader`; then each stream's share, an event made once."""
    if any(map(len, wanted.values())):
        async with transaction(pool, reader.settings()) as conn:
            await page.open(conn, reader, wanted.values())
    alarms = await _alarms(pool, page, wanted)
    made = Frames(page, profiles)
    gap = [] if page.forgotten is None else [frames.gap(page)]

    def share(stream: Stream) -> list[bytes]:
        items, seen = wanted[stream], alarms.get(stream.scope, {})
        told = [
            (item, made.of(item, code, cards=stream.cards))
            for item, code in page.seen(stream.moments, items)
        ]
        told += [
            (item, made.of_alarm(item, seen[number]))
            for item, number in page.alarms(items).items()
            if number in seen
        ]
        told.sort(key=itemgetter(0))
        return gap + [said for _, said in told]

    return share


async def _alarms(pool: Pool, page: Page, wanted: Wanted) -> dict[Scope, Mapping[int, Alarm]]:
    """What each scope sees of the alarms to which something happened."""
    numbers: dict[Scope, set[int]] = defaultdict(set)
    for stream, items in wanted.items():
        if Right.ALARMS_READ in stream.scope.rights:
            numbers[stream.scope].update(page.alarms(items).values())
    seen: dict[Scope, Mapping[int, Alarm]] = {}
    for scope, asked in numbers.items():
        if asked:
            async with transaction(pool, scope.settings()) as conn:
                seen[scope] = await desk.find_all(conn, scope, list(asked))
    return seen
