"""The kinds of file there are: one more is one more declaration."""

from collections.abc import Mapping
from types import MappingProxyType

from registry.imports.assignments import ASSIGNMENTS
from registry.imports.bindings import BINDINGS
from registry.imports.clients import CLIENTS
from registry.imports.model import Kind, KindUnknown
from registry.imports.sims import SIMS
from registry.imports.terminals import TERMINALS

KINDS: Mapping[str, Kind] = MappingProxyType(
    {kind.name: kind for kind in (TERMINALS, SIMS, BINDINGS, CLIENTS, ASSIGNMENTS)}
)


def find(name: str) -> Kind:
    """The kind of that name; KindUnknown when there is none."""
    try:
        return KINDS[name]
    except KeyError:
        raise KindUnknown(field="kind") from None
