"""Server-sent events (HTML, 9.2), each made once for all streams that get it."""

import json
from collections.abc import Mapping
from typing import Any

from api.measured import as_json
from api.schemas.alarms import AlarmAnswer
from foundation.errors import MusterError
from registry.model import DeviceProfile
from telemetry.alarms.desk import Alarm
from telemetry.batches import EVENTS, PRESENCE
from telemetry.bookmark import Bookmark
from telemetry.live import Page
from telemetry.model import at, delay_seconds
from telemetry.reader import without_cards

RETRY_MS = 3000
_BEAT = b":\n"


def frame(event: str, said: Mapping[str, Any], bookmark: Bookmark | None = None) -> bytes:
    """An event; with a bookmark, a stream can be resumed after it."""
    head = b"" if bookmark is None else f"id: {bookmark}\n".encode()
    return head + f"event: {event}\ndata: ".encode() + as_json(said) + b"\n\n"


def opening(terminals: int, bookmark: Bookmark) -> bytes:
    """How many terminals a stream follows, and from where on."""
    said = {"terminals": terminals, "since": bookmark.at}
    return f"retry: {RETRY_MS}\n".encode() + frame("open", said, bookmark)


def gap(page: Page) -> bytes:
    """Between which times (of commit) the feed has forgotten what came."""
    until = max(page.forgotten or 0, page.begin.at_us)
    return frame("gap", {"from": page.begin.at, "to": at(until)})


def end(why: MusterError) -> bytes:
    """Why nothing comes after this; what was last got has the last id."""
    return frame("end", {"code": why.code, "detail": str(why), "remedy": why.hint})


def beat(bookmark: Bookmark) -> bytes:
    """A sign of life, and up to where there was nothing new."""
    return _BEAT + f"id: {bookmark}\n\n".encode()


class Frames:
    """The events that the items of a page are."""

    def __init__(self, page: Page, profiles: Mapping[int, DeviceProfile]) -> None:
        self._page = page
        self._profiles = profiles
        self._made: dict[tuple[int, bool], bytes] = {}
        self._of_alarms: dict[tuple[int, Alarm], bytes] = {}

    def of(self, item: int, code: str, *, cards: bool) -> bytes:
        """One item, of the terminal of that code; `cards`: with the numbers of SIMs, if it has."""
        made = self._made.get((item, cards))
        if made is None:
            made = self._made[item, cards] = self._make(item, code, cards)
        return made

    def of_alarm(self, item: int, alarm: Alarm) -> bytes:
        """What happened to an alarm, and the alarm as somebody sees it now."""
        made = self._of_alarms.get((item, alarm))
        if made is None:
            body, row = self._page.body(item), self._page.row(item)
            said = body.said(row)
            shown = {
                "time": at(int(body.times_us[row])),
                "terminal": alarm.terminal,
                "event": said["event"],
                "by": said.get("by"),
                "alarm": AlarmAnswer.model_validate(alarm).model_dump(),
            }
            made = frame("alarm", shown, self._page.bookmark(item))
            self._of_alarms[item, alarm] = made
        return made

    def _make(self, item: int, code: str, cards: bool) -> bytes:
        page = self._page
        kind, row, body = page.entry(item).kind, page.row(item), page.body(item)
        said = body.said(row)
        time_us, received_us = int(body.times_us[row]), int(body.received_us[row])
        shown: dict[str, Any]
        if kind == PRESENCE:
            event, shown = "presence", {"time": at(time_us), "terminal": code, **said}
        elif kind == EVENTS:
            written = said.get("data")
            data = None if written is None else json.loads(str(written))
            event, shown = (
                "event",
                {
                    "time": at(time_us),
                    "terminal": code,
                    "delay_seconds": delay_seconds(time_us, received_us),
                    "code": said["code"],
                    "severity": said["severity"],
                    "text": said.get("text"),
                    "data": data if cards else without_cards(data),
                },
            )
        else:
            profile = self._profiles[kind]
            metrics = [m.name for m in profile.metrics if not m.hidden and m.name in said]
            event, shown = (
                "reading",
                {
                    "terminal": code,
                    "profile": profile.code,
                    "observed_at": at(time_us),
                    "received_at": at(received_us),
                    "values": {name: said[name] for name in metrics},
                },
            )
        return frame(event, shown, page.bookmark(item))
