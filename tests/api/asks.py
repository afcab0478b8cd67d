"""How a route is asked, and of what: the words in which `declared.py` lists them all."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.scope import Right


@dataclass(frozen=True, slots=True)
class Kind:
    """What an address or body can name: the things there are of it, and who sees each.

    What is `personal` is somebody's own; who sees everything does not meet it either.
    """

    name: str
    things: Mapping[str, frozenset[str]] = field(default_factory=dict)
    personal: bool = False


OPEN, SIGNED_IN = "open", "signed in"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    json: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    ok: int | None = None
    fill: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask(_Body):
    """One way to ask a route.

    `address` is the method, the route's template and perhaps a query. The template's first
    parameter, and `{name}` in query and body, become the thing that is named; `fill` gives the
    other parameters. `{city}` becomes the code of a region of the caller's own. `ok` is the status
    for who may (200, for POST 201, for DELETE 204 unless given).
    """

    address: str
    needs: Right | str
    names: Kind

    @property
    def route(self) -> str:
        """Method and template."""
        return self.address.partition("?")[0]

    @property
    def title(self) -> str:
        """The address without times, which are not the same in every process of a test run."""
        return re.sub(r"(?<=[?&])(from|to)=[^&]*&?", "", self.address).rstrip("?&")

    @property
    def method(self) -> str:
        return self.address.partition(" ")[0]

    @property
    def is_page(self) -> bool:
        """Whether people read the answer."""
        return not self.address.partition(" ")[2].startswith(
            ("/api/", "/broker/", "/health/", "/metrics", "/openapi.json", "/assets/")
        )

    @property
    def expected(self) -> int:
        """The status for who may ask, of what they see."""
        usual = {"GET": 200, "POST": 201, "DELETE": 204}
        return self.ok or (200 if self.is_page else usual.get(self.method, 200))
