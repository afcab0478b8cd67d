"""`ETag` and `If-Match`: nobody overwrites what somebody else changed meanwhile.

A thing's ETag is its version, which every change counts by exactly one. A route that reads or
makes a thing calls `tag`; one that changes it takes an `IfMatch` and asks it before and after:

    await if_match.before(terminals.find, conn, scope, code)
    changed = await terminals.move_to(conn, scope, code, state)
    return TerminalAnswer.model_validate(if_match.after(response, changed))

Asking before tells who comes late that they are, whatever else is wrong with their change; asking
after closes the gap between the two, as the change has locked the thing and counted.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, ParamSpec, Protocol, TypeVar

from fastapi import Depends, Header, Response

from api.errors import VersionChanged

# One entity-tag of RFC 9110 8.8.3; a weak one (W/) never matches a change.
_TAG = re.compile(r'(W/)?"[!#-~\x80-\xff]*"')


class Versioned(Protocol):
    """A thing whose changes are counted."""

    @property
    def version(self) -> int:
        """How often it was changed, from 1 on."""


Thing = TypeVar("Thing", bound=Versioned)
Given = ParamSpec("Given")


@dataclass(frozen=True, slots=True)
class Precondition:
    """The versions that a change may be of; any, where the request names none."""

    tags: frozenset[str] | None

    async def before(
        self, find: Callable[Given, Awaitable[Versioned]], *args: Given.args, **kwargs: Given.kwargs
    ) -> None:
        """VersionChanged if what `find` finds is another version; asks only if one is named."""
        if self.tags is not None:
            self._check((await find(*args, **kwargs)).version)

    def after(self, response: Response, changed: Thing) -> Thing:
        """The changed thing, its ETag set; VersionChanged if it was changed in between, too."""
        if self.tags is not None:
            self._check(changed.version - 1)
        return tag(response, changed)

    def _check(self, version: int) -> None:
        if self.tags is not None and _tag(version) not in self.tags:
            raise VersionChanged


def tag(response: Response, thing: Thing) -> Thing:
    """The thing, its version set as the answer's ETag."""
    response.headers["ETag"] = _tag(thing.version)
    return thing


def _precondition(
    if_match: Annotated[
        str | None,
        Header(description="The ETag that the change is of.", examples=['"3"']),
    ] = None,
) -> Precondition:
    if if_match is None or if_match.strip() == "*":
        return Precondition(None)
    return Precondition(frozenset(found[0] for found in _TAG.finditer(if_match)))


IfMatch = Annotated[Precondition, Depends(_precondition)]


def _tag(version: int) -> str:
    return f'"{version}"'
