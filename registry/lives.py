"""The life of a terminal: which moves there are, and which right each takes; no I/O.

Our own processes make one of them: they isolate (`registry.isolate_terminals`), from every state
in which a terminal may connect.
"""

from collections.abc import Mapping
from types import MappingProxyType

from registry.model import TerminalState
from registry.scope import Right

_S = TerminalState
_WORK = (_S.PROVISIONED, _S.TESTING, _S.IN_SERVICE, _S.MAINTENANCE)

MOVES: Mapping[TerminalState, tuple[TerminalState, ...]] = MappingProxyType(
    {
        _S.REGISTERED: (_S.PROVISIONED, _S.TESTING, _S.RETIRED),
        _S.PROVISIONED: (_S.TESTING, _S.ISOLATED, _S.RETIRED),
        _S.TESTING: (_S.IN_SERVICE, _S.ISOLATED, _S.RETIRED),
        _S.IN_SERVICE: (_S.MAINTENANCE, _S.ISOLATED, _S.RETIRED),
        _S.MAINTENANCE: (_S.IN_SERVICE, _S.ISOLATED, _S.RETIRED),
        _S.ISOLATED: (*_WORK, _S.RETIRED),  # of _WORK the one in which it was isolated
        _S.RETIRED: (),
    }
)
"""Where a terminal may go from each state; a retired one never comes back."""


def right_to(state: TerminalState) -> Right:
    """What it takes to bring a terminal into a state."""
    return Right.TERMINALS_RETIRE if state is _S.RETIRED else Right.TERMINALS_CHANGE


def origins_of(state: TerminalState) -> list[str]:
    """The states from which a terminal may come into this one."""
    return [origin.value for origin, targets in MOVES.items() if state in targets]


def moves_from(state: TerminalState, before: TerminalState | None) -> tuple[TerminalState, ...]:
    """Where a terminal may go; `before` is the state in which an isolated one was isolated."""
    if state is not _S.ISOLATED:
        return MOVES[state]
    return tuple(to for to in MOVES[state] if to in (before, _S.RETIRED))
