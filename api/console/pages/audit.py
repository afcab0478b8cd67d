"""The audit: who changed what, who was refused what, and one entry with before and after."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.console.pages.screen import Screen, Shows
from api.console.pages.sheets import page_or_file
from api.schemas.audit import AuditEntryAnswer
from foundation.errors import Invalid
from registry import audit, group_clients, profiles, regions
from registry.audit import Outcome
from registry.keyset import MOST_ROWS
from registry.scope import Right

router = APIRouter(prefix="/audit")

OnScreen = Annotated[Screen, Shows(Right.AUDIT_READ)]

CHANGES_SHOWN = 500
_Day = Annotated[str, Query(pattern=r"^(\d{4}-\d\d-\d\d)?$")]


class DayInvalid(Invalid):
    """There is no such day."""

    code = "day_invalid"
    remedy = "Give days as 2026-11-23."


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; an empty field of the form asks for nothing.

    The days are the reader's own: `zone` is their offset, as their browser tells it.
    """

    key: Annotated[str, Query(max_length=128)] = ""
    actor: Annotated[str, Query(max_length=128)] = ""
    action: Annotated[str, Query(max_length=128)] = ""
    outcome: Annotated[str, Query(pattern="^(done|refused)?$")] = ""
    client: Annotated[str, Query(max_length=64)] = ""
    since: _Day = ""
    until: _Day = ""
    zone: Annotated[str, Query(pattern=r"^(Z|[+-]\d\d:\d\d)?$")] = "Z"
    after: Annotated[str, Query(max_length=256)] = ""

    @property
    def any(self) -> bool:
        fields = (self.key, self.actor, self.action, self.outcome, self.client)
        return any(fields) or bool(self.since or self.until)

    @property
    def actor_named(self) -> str | None:
        """The actor as the audit names it, where people type only a name or a key's beginning."""
        if not self.actor or ":" in self.actor or self.actor == "anonymous":
            return self.actor or None
        return f"{'key' if self.actor.startswith('mk_') else 'user'}:{self.actor}"

    @property
    def span(self) -> tuple[datetime | None, datetime | None]:
        """From the beginning of one day to the end of another."""
        until = self._midnight(self.until)
        return self._midnight(self.since), until + timedelta(days=1) if until else None

    def _midnight(self, day: str) -> datetime | None:
        if not day:
            return None
        try:
            return datetime.fromisoformat(f"{day}T00:00:00{self.zone or 'Z'}")
        except ValueError:
            raise DayInvalid(field="since") from None


@router.get("")
async def list_entries(screen: OnScreen, filters: Annotated[Filters, Depends()]) -> Response:
    """One page of the entries in scope, newest first."""
    start, end = filters.span
    read = partial(
        audit.list_page,
        actor=filters.actor_named,
        key=filters.key.strip() or None,
        action=filters.action or None,
        outcome=Outcome(filters.outcome) if filters.outcome else None,
        tenant=filters.client or None,
        start=start,
        end=end,
    )
    page = await page_or_file(screen, "audit", AuditEntryAnswer, read, filters.after)
    if isinstance(page, Response):
        return page
    return screen.show("audit.html", filters=filters, entries=page.items, next_key=page.next_key)


@router.get("/{entry}")
async def show_entry(screen: OnScreen, entry: int) -> Response:
    """One entry with what was before and after."""
    return screen.show(
        "audit_entry.html",
        entry=await audit.find(screen.conn, screen.scope, entry),
        names_of=await _names(screen),
        changes_shown=CHANGES_SHOWN,
    )


async def _names(screen: Screen) -> dict[str, dict[int, str]]:
    """What the reader calls the things whose numbers stand in columns, as far as they see them."""
    conn, scope, language = screen.conn, screen.scope, screen.renderer.language(screen.request)
    clients = await group_clients.list_page(conn, scope, limit=MOST_ROWS)
    codes = {int(client.id): client.code for client in clients.items}
    tree = await regions.list_all(conn, scope)
    return {
        "group_client_id": codes,
        "group_client_ids": codes,
        "parent_id": codes,
        "profile_id": {p.id: p.code for p in await profiles.list_all(conn, scope)},
        "region_code": {region.code: language.titled(region) for region in tree},
    }
