"""Which role and reach go with which group of the identity provider, as a file says it.

A list of rules; the first one whose group a person is in decides:

    [{"group": "muster-admins", "role": "admin"},
     {"group": "jiangsu-operations", "role": "operator", "region": 320000},
     {"group": "suzhou-power", "role": "client_viewer", "group_client": "suzhou-power"}]
"""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from registry.scope import REACHES, Reach, Role

_MOST_BYTES = 1024 * 1024

Mapping = tuple["GroupRule", ...]


class GroupRule(BaseModel):
    """What the people of a group may do, and where: a region or one client, as the role needs.

    Account managers and agents have neither: they see the clients that are assigned to them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: str = Field(min_length=1, max_length=300)
    role: Role
    region: int | None = None
    group_client: str | None = Field(None, min_length=1, max_length=64)

    @property
    def group_clients(self) -> tuple[str, ...]:
        """The codes of the clients, as appointing somebody takes them."""
        return () if self.group_client is None else (self.group_client,)


_RULES = TypeAdapter(Annotated[Mapping, Field(max_length=1000)])


def read(path: Path) -> tuple[Mapping, list[str]]:
    """The rules of a file in their order, and every fault that it has."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except OSError as error:
        return (), [f"cannot be read ({error.strerror})"]
    if len(text) > _MOST_BYTES:
        return (), ["is larger than 1 MiB"]
    try:
        rules = _RULES.validate_json(text)
    except ValidationError as error:
        return (), [_told(fault["loc"], fault["msg"]) for fault in error.errors()]
    if not rules:
        return (), ["has no rule"]
    faults = [f"rule {n}: {fault}" for n, rule in enumerate(rules, 1) for fault in _faults(rule)]
    seen: set[str] = set()
    for n, rule in enumerate(rules, 1):
        if rule.group in seen:
            faults.append(f"rule {n}: an earlier rule decides for this group")
        seen.add(rule.group)
    return rules, faults


def choose(rules: Mapping, groups: Collection[str]) -> GroupRule | None:
    """The first rule for one of these groups; None where there is none."""
    return next((rule for rule in rules if rule.group in groups), None)


def _faults(rule: GroupRule) -> list[str]:
    reach = REACHES[rule.role]
    if reach is Reach.ANY:
        return [f"{rule.role} is a role for programs"]
    faults = []
    for name, needs in (("region", Reach.REGION), ("group_client", Reach.ONE_GROUP_CLIENT)):
        is_given = getattr(rule, name) is not None
        if is_given and reach is not needs:
            faults.append(f"{rule.role} has no {name}")
        if not is_given and reach is needs:
            faults.append(f"{rule.role} needs a {name}")
    return faults


def _told(location: tuple[int | str, ...], message: str) -> str:
    if not location or not isinstance(location[0], int):
        return message
    place = ".".join(str(part) for part in location[1:])
    return f"rule {location[0] + 1}{f', {place}' if place else ''}: {message}"
