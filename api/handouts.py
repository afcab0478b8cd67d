"""Rules and dashboards that Muster ships for others' programs, to be downloaded as they are.

They lie in `deploy` as files, which is all that is known of it here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from foundation.errors import NotFound

_PLACES = ("prometheus", "prometheus/rules", "grafana/dashboards")
_TYPES = {".yml": "application/yaml", ".json": "application/json"}


class HandoutNotFound(NotFound):
    """There is no file of that name to download."""

    code = "file_not_found"


@dataclass(frozen=True, slots=True)
class Handout:
    """One file, and the folder of it in `deploy`."""

    name: str
    folder: str
    media_type: str
    text: str


def list_all() -> tuple[Handout, ...]:
    """Every file there is, by folder and name; none where they were not installed."""
    return tuple(sorted(_found(), key=lambda one: (one.folder, one.name)))


def find(name: str) -> Handout:
    """The file of that name; HandoutNotFound where there is none."""
    for one in _found():
        if one.name == name:
            return one
    raise HandoutNotFound(f"There is no file {name}.")


def _found() -> Iterator[Handout]:
    for place in _PLACES:
        folder: Traversable = files("deploy").joinpath(place)
        if not folder.is_dir():
            continue
        for file in folder.iterdir():
            media_type = _TYPES.get(f".{file.name.rpartition('.')[2]}")
            if media_type is not None:
                yield Handout(file.name, place, media_type, file.read_text("utf-8"))
