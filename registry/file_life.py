"""The life of a client's file: which moves there are, and which right each takes; no I/O.

    surveyed -> filed -> verified -> due -> verified;  closed, and from there back to surveyed

Who files is an agent, account manager, operator or admin (`client_files.keep`). Who verifies, or
has a file verified anew before its time, is of the house: account manager, operator or admin
(`client_files.verify`), and never who filed it. Account manager, operator and admin close a file
(`group_clients.change`); operator and admin reopen it (`group_clients.register`). Our own process
makes a verified file due when its date has come.
"""

from collections.abc import Mapping
from types import MappingProxyType

from registry.errors import TransitionRefused
from registry.model import FileState
from registry.scope import Right, Scope

_S = FileState

MOVES: Mapping[FileState, tuple[FileState, ...]] = MappingProxyType(
    {
        _S.SURVEYED: (_S.FILED, _S.CLOSED),
        _S.FILED: (_S.VERIFIED, _S.CLOSED),
        _S.VERIFIED: (_S.DUE, _S.CLOSED),
        _S.DUE: (_S.VERIFIED, _S.CLOSED),
        _S.CLOSED: (_S.SURVEYED,),
    }
)
"""Where a file may go from each state."""

_RIGHTS: Mapping[FileState, Right] = MappingProxyType(
    {
        _S.SURVEYED: Right.GROUP_CLIENTS_REGISTER,
        _S.FILED: Right.CLIENT_FILES_KEEP,
        _S.VERIFIED: Right.CLIENT_FILES_VERIFY,
        _S.DUE: Right.CLIENT_FILES_VERIFY,
        _S.CLOSED: Right.GROUP_CLIENTS_CHANGE,
    }
)

EXPLAINED = frozenset({_S.SURVEYED, _S.CLOSED})
"""The states into which nobody brings a file without saying why."""


def right_to(state: FileState) -> Right:
    """What it takes to bring a file into a state."""
    return _RIGHTS[state]


def check(state: FileState, to: FileState) -> None:
    """Return if there is such a move; TransitionRefused, with those that there are, if not."""
    if to not in MOVES[state]:
        ways = ", ".join(MOVES[state])
        raise TransitionRefused(
            f"A file cannot go from {state} to {to}; from {state} it may go to: {ways}."
        )


def moves_from(state: FileState, filed_by: str | None, scope: Scope) -> tuple[FileState, ...]:
    """Where whoever asks may take a file now; who filed it does not verify it."""
    return tuple(
        to
        for to in MOVES[state]
        if right_to(to) in scope.rights and not (to is _S.VERIFIED and filed_by == scope.actor)
    )
