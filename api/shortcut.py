"""The way to a route by the first word of its path: there are hundreds, and each is a pattern."""

from collections import defaultdict
from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

_API = "/api/v1/"
_TAKEN = "muster.shortcut"


class Shortcut(BaseRoute):
    """Finds what one of the routes after it takes wholly; anything else they say themselves."""

    def __init__(self) -> None:
        self._routes: dict[str, list[BaseRoute]] = defaultdict(list)

    def include(self, app: FastAPI, routers: Sequence[APIRouter], **options: object) -> None:
        """Have the application include these, and know the words that each begins with."""
        for router in routers:
            before = len(app.router.routes)
            app.include_router(router, **options)  # type: ignore[arg-type]
            for word in dict.fromkeys(_word(getattr(r, "path", "/")) for r in router.routes):
                assert not word.startswith("{"), "A path begins with a word of its own."
                self._routes[word] += app.router.routes[before:]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Wholly, or not at all."""
        if scope["type"] == "http":
            for route in self._routes.get(_word(scope["path"]), ()):
                match, child = route.matches(scope)
                if match is Match.FULL:
                    return match, {**child, _TAKEN: route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As the route does that matches."""
        await scope[_TAKEN].handle(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        """Names are known by the routes themselves."""
        raise NoMatchFound(name, path_params)


def _word(path: str) -> str:
    """What a path begins with: a word, or the API's prefix and one."""
    parts = path.split("/", 4)
    return "/".join(parts[:4]) if path.startswith(_API) else parts[1]
