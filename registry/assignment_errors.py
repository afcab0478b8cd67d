"""What can be wrong with who serves whom, and which broken constraint means it."""

from foundation.database import register_refusals
from foundation.errors import Invalid, MusterError, NotFound, Refused


class AssignmentNotFound(NotFound):
    """There is no such assignment, or it is not yours to see."""

    code = "assignment_not_found"


class PersonCannotServe(Invalid):
    """Clients are served by account managers and agents who can sign in."""

    code = "person_cannot_serve"
    remedy = "List /api/v1/account-managers for who may, or appoint somebody."


class ServedAlready(Refused):
    """Somebody of that role serves this client already, or is going to."""

    code = "served_already"
    remedy = "Hand the client over from who serves it."


class NotServed(Refused):
    """This client is not served by that person any more."""

    code = "not_served"
    remedy = "Read the client's assignments again for who serves it now."


class HandOverPlanned(Refused):
    """This client is going to be handed over already."""

    code = "hand_over_planned"
    remedy = "Call that hand-over off first."


class HandOverTooEarly(Refused):
    """Who serves this client does so since a later time."""

    code = "hand_over_too_early"
    remedy = "Give a time after that; what was served before is not changed."


class ManagerNeeded(Refused):
    """A client that has an account manager keeps one."""

    code = "account_manager_needed"
    remedy = "Hand the client over to another account manager."


class StillServes(Refused):
    """This person serves clients, whom nobody would serve then."""

    code = "still_serves"
    remedy = "Hand their clients over first."


class AssignmentBegun(Refused):
    """Only what lies ahead can be called off."""

    code = "assignment_begun"
    remedy = "Hand the client over to whoever is to serve it."


_REFUSALS: dict[str, type[MusterError]] = {
    "one_serves_at_a_time": ServedAlready,
    "assignment_begins_once": ServedAlready,
    "clients_keep_an_account_manager": ManagerNeeded,
    "served_time_is_kept": AssignmentBegun,
}
register_refusals(_REFUSALS)
