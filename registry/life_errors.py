"""What can be wrong with a terminal's life, its parts, names, gateways and collections."""

from foundation.database import register_refusals
from foundation.errors import Invalid, NotFound, Refused


class ReasonMissing(Invalid):
    """Who isolates a terminal says why."""

    code = "reason_missing"
    remedy = "Give a reason of 1 to 500 characters."


class TerminalRetired(Refused):
    """A retired terminal takes no hardware, SIM, name or gateway any more."""

    code = "terminal_retired"
    remedy = "Register a new terminal for it."


class PartSame(Refused):
    """The terminal has this one already."""

    code = "part_same"
    remedy = "Give the number of the new one."


class PartAbsent(Refused):
    """There is none to take out."""

    code = "part_absent"
    remedy = "Look at the terminal's history for what was in it when."


class ReplacedTooEarly(Refused):
    """History is never rewritten: the present one has been there since a later time."""

    code = "replaced_too_early"
    remedy = "Give a time after the one at which the present one, or the last one, came."


class GatewayChained(Refused):
    """A gateway is a terminal in use that is behind no other one."""

    code = "gateway_chained"
    remedy = "Put the terminal behind the outermost gateway; take what is behind it away first."


class GatewayHoldsTerminals(Refused):
    """Terminals are behind this gateway."""

    code = "gateway_holds_terminals"
    remedy = "Put them behind another gateway, or let them speak for themselves, first."


class WireNamesMany(Refused):
    """A terminal has 16 names at most."""

    code = "wire_names_many"
    remedy = "Take away one that it does not use any more."


class TagInvalid(Invalid):
    """A tag has 1 to 32 letters, digits, . _ : and -, and a terminal 16 tags at most."""

    code = "tag_invalid"
    remedy = "Write it shorter, without blanks and other signs."


class LocationHalf(Invalid):
    """A place is a latitude and a longitude, or neither."""

    code = "location_half"
    remedy = "Give both in degrees (WGS-84), or null for both."


class CollectionNotFound(NotFound):
    """There is no such collection, or it is not yours to see."""

    code = "collection_not_found"


class CollectionNameTaken(Refused):
    """Another collection of the same owner has this name."""

    code = "collection_name_taken"


class CollectionByQuery(Refused):
    """What a query finds cannot be added or taken out by hand."""

    code = "collection_by_query"
    remedy = "Change its query, or tag the terminals that its query looks for."


class CollectionByHand(Refused):
    """A collection by hand has no query."""

    code = "collection_by_hand"
    remedy = "Add and take out terminals, or make a new collection by query."


class CollectionHoldsOthers(Refused):
    """A client's collection holds only what that client, or one below it, owns."""

    code = "collection_holds_others"
    remedy = "Make a collection of your own for them."


class CollectionOwnerMissing(Invalid):
    """Say whose the collection is to be."""

    code = "collection_owner_missing"
    remedy = "Give the code of one of your group clients."


register_refusals(
    {
        "hardware_pkey": ReplacedTooEarly,
        "installation_pkey": ReplacedTooEarly,
        "one_gateway_at_a_time": ReplacedTooEarly,
        "one_hardware_at_a_time": ReplacedTooEarly,
        "terminal_gateway_pkey": ReplacedTooEarly,
        "gateways_stand_one_deep": GatewayChained,
        "gateway_is_left_before_it_is_retired": GatewayHoldsTerminals,
        "collection_name_is_unique": CollectionNameTaken,
        "tags_are_few": TagInvalid,
        "location_is_whole": LocationHalf,
    }
)
