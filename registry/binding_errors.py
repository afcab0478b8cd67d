"""What can be wrong with binding SIMs to hardware."""

from foundation.database import register_refusals
from foundation.errors import Invalid, MusterError, NotFound, NotPermitted, Refused
from registry.errors import IntervalEmpty


class RuleInvalid(Invalid):
    """The rule does not name what its mode asks for."""

    code = "binding_rule_invalid"
    remedy = (
        "exact takes one IMEI, imei_list 1 to 1000, tac 1 to 100 TACs of 8 digits; others none."
    )


class BindingNotFound(NotFound):
    """No rule was ever set for this SIM."""

    code = "binding_not_found"


class BindingTaken(Refused):
    """Somebody else has just set a rule for this SIM."""

    code = "binding_taken"
    remedy = "Look at the SIM again, and set yours if it still should hold."


class BindingKept(Refused):
    """What was a rule stays on record as it was."""

    code = "binding_kept"
    remedy = "Set a new rule; it holds from now on."


class NotBound(Refused):
    """The SIM is not bound: there is nothing to ask another hardware for."""

    code = "not_bound"
    remedy = "A SIM without a binding may be put into any hardware."


class BindingRequestNotFound(NotFound):
    """There is no such request, or it is not yours to see."""

    code = "binding_request_not_found"


class RequestThere(Refused):
    """Another request for this SIM is open."""

    code = "binding_request_there"
    remedy = "Have it decided or withdrawn first."


class RequestClosed(Refused):
    """This request is decided, withdrawn or expired."""

    code = "binding_request_closed"
    remedy = "Ask anew if it is still wanted."


class OwnRequest(NotPermitted):
    """Nobody approves or declines the own request."""

    code = "own_request"
    remedy = "Ask a colleague; you can withdraw it."


class ExpiryInvalid(Invalid):
    """A request is open for an hour to 31 days."""

    code = "binding_request_expiry_invalid"


_REFUSALS: dict[str, type[MusterError]] = {
    "binding_interval_is_ordered": IntervalEmpty,
    "binding_is_never_rewritten": BindingKept,
    "binding_is_set_once_at_a_time": BindingTaken,
    "nobody_approves_the_own_request": OwnRequest,
    "one_binding_at_a_time": BindingTaken,
    "one_open_request_of_a_sim": RequestThere,
}
register_refusals(_REFUSALS)
