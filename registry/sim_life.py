"""The life of a SIM as a table: from which state to which, and who may take it there; no I/O.

    inventory -> testing -> silent -> active <-> suspended -> pre_cancelled -> cancelled

The way is walked forward, past periods that a SIM does not have; only a suspended one goes back.
`transferring` is a stop on the way: a SIM comes out of it in the state that it was in.
"""

from collections.abc import Mapping
from types import MappingProxyType

from registry.errors import TransitionRefused
from registry.model import SetBy, SimState
from registry.scope import Right, Scope

_S = SimState
_OPERATOR = frozenset({SetBy.OPERATOR})
_DATED = frozenset({SetBy.OPERATOR, SetBy.SYSTEM})
_ANYBODY = frozenset(SetBy)

TRANSITIONS: Mapping[SimState, Mapping[SimState, frozenset[SetBy]]] = MappingProxyType(
    {
        _S.INVENTORY: {
            _S.TESTING: _OPERATOR,
            _S.SILENT: _OPERATOR,
            _S.ACTIVE: _OPERATOR,
            _S.PRE_CANCELLED: _OPERATOR,
            _S.TRANSFERRING: _DATED,
        },
        _S.TESTING: {
            _S.SILENT: _DATED,
            _S.ACTIVE: _DATED,
            _S.PRE_CANCELLED: _OPERATOR,
            _S.TRANSFERRING: _DATED,
        },
        _S.SILENT: {
            _S.ACTIVE: _DATED,
            _S.PRE_CANCELLED: _OPERATOR,
            _S.TRANSFERRING: _DATED,
        },
        _S.ACTIVE: {
            _S.SUSPENDED: _ANYBODY,
            _S.PRE_CANCELLED: _OPERATOR,
            _S.TRANSFERRING: _DATED,
        },
        _S.SUSPENDED: {
            _S.ACTIVE: _ANYBODY,
            _S.PRE_CANCELLED: _OPERATOR,
            _S.TRANSFERRING: _DATED,
        },
        _S.PRE_CANCELLED: {_S.CANCELLED: _DATED},
        _S.CANCELLED: {},
        _S.TRANSFERRING: {
            _S.INVENTORY: _DATED,
            _S.TESTING: _DATED,
            _S.SILENT: _DATED,
            _S.ACTIVE: _DATED,
            _S.SUSPENDED: _DATED,
        },
    }
)
"""Who may take a SIM from each state to which."""

RESTRAINING = frozenset({_S.SUSPENDED, _S.TRANSFERRING, _S.PRE_CANCELLED})
"""The states that can be imposed: put there by the system, a SIM stays until the system ends it.

Whom the system activated when its period was over is as free as any other.
"""

PERIODS = frozenset({_S.TESTING, _S.SILENT})
"""The states that end by themselves where they have a date."""


def mover_of(scope: Scope) -> SetBy:
    """As what somebody moves a SIM: our processes, who manages SIMs, or whose SIM it is."""
    if scope.actor.startswith("system:"):
        return SetBy.SYSTEM
    return SetBy.OPERATOR if Right.SIMS_CHANGE in scope.rights else SetBy.CLIENT


def moves(
    state: SimState, set_by: SetBy, mover: SetBy, returning: SimState | None = None
) -> tuple[SimState, ...]:
    """Where `mover` may take a SIM that `set_by` put into its state, in the order of its life."""
    return tuple(to for to in SimState if _hindrance(state, set_by, to, mover, returning) is None)


def check(
    state: SimState,
    set_by: SetBy,
    to: SimState,
    mover: SetBy,
    returning: SimState | None = None,
) -> None:
    """Return if `mover` may take the SIM there; TransitionRefused, with who may, if not.

    `returning` is the state that a SIM was in before it was `transferring`.
    """
    why = _hindrance(state, set_by, to, mover, returning)
    if why is not None:
        raise TransitionRefused(why)


def _hindrance(
    state: SimState, set_by: SetBy, to: SimState, mover: SetBy, returning: SimState | None
) -> str | None:
    ways = TRANSITIONS[state]
    if to not in ways:
        return f"A SIM cannot go from {state} to {to}; {_told(state, ways)}"
    if mover not in ways[to]:
        who = _listed(ways[to])
        return f"Only {who} may take a SIM from {state} to {to}, and you act as {mover}."
    if state is _S.TRANSFERRING and returning not in (None, to):
        return f"This SIM was {returning} before its transfer, and goes from {state} to that."
    if mover is SetBy.SYSTEM:
        return None
    if state in RESTRAINING and set_by is SetBy.SYSTEM:
        return f"The system has put this SIM into {state}: only the system takes it to {to}."
    if mover is SetBy.CLIENT and state is _S.SUSPENDED and set_by is not SetBy.CLIENT:
        return f"The operator has {state} this SIM: only operator or system take it to {to}."
    return None


def _told(state: SimState, ways: Mapping[SimState, frozenset[SetBy]]) -> str:
    if not ways:
        return f"from {state} it goes nowhere."
    listed = "; ".join(f"{to} ({_listed(who)})" for to, who in ways.items())
    return f"from {state} it may go to: {listed}."


def _listed(who: frozenset[SetBy]) -> str:
    return ", ".join(each for each in SetBy if each in who)
