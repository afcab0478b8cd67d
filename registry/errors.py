"""What can be wrong with what is owned, and which broken constraint means it."""

from foundation.database import register_refusals
from foundation.errors import Invalid, MusterError, NotFound, NotPermitted, Refused


class RegionNotFound(NotFound):
    """There is no such region."""

    code = "region_not_found"


class GroupClientNotFound(NotFound):
    """There is no such group client, or it is not yours to see."""

    code = "group_client_not_found"


class IndustryNotFound(NotFound):
    """There is no such industry."""

    code = "industry_not_found"


class TierNotFound(NotFound):
    """There is no such tier."""

    code = "tier_not_found"


class ProfileNotFound(NotFound):
    """There is no such device profile."""

    code = "profile_not_found"
    remedy = "List the profiles for their codes, or define it first."


class MetricNotFound(NotFound):
    """The profile has no such metric."""

    code = "metric_not_found"


class TerminalNotFound(NotFound):
    """There is no such terminal, or it is not yours to see."""

    code = "terminal_not_found"


class WireNameNotFound(NotFound):
    """No terminal of yours calls itself so."""

    code = "wire_name_not_found"


class SimNotFound(NotFound):
    """There is no such SIM, or it is not yours to see."""

    code = "sim_not_found"


class UserNotFound(NotFound):
    """There is no such user, or they are not yours to see."""

    code = "user_not_found"


class SessionNotFound(NotFound):
    """There is no such session, or it is over."""

    code = "session_not_found"


class ApiKeyNotFound(NotFound):
    """There is no such API key, or it is not yours to see."""

    code = "api_key_not_found"


class AuditEntryNotFound(NotFound):
    """There is no such audit entry, or it is not yours to see."""

    code = "audit_entry_not_found"


class NotSignedIn(NotPermitted):
    """The name, password, key or session is not accepted."""

    code = "not_signed_in"
    remedy = "Sign in again, or ask an administrator for a key that is valid."


class ReachExceeded(NotPermitted):
    """You can give away no more than you may see and do yourself."""

    code = "reach_exceeded"
    remedy = "Give a role of your own clients, or ask an administrator."


class GroupClientCodeTaken(Refused):
    """Another group client has this code."""

    code = "group_client_code_taken"


class ProfileCodeTaken(Refused):
    """Another device profile has this code."""

    code = "profile_code_taken"
    remedy = "Choose another code, or add metrics to the profile that has it."


class MetricTaken(Refused):
    """The profile has, or had, a metric of this name; a metric's type never changes."""

    code = "metric_taken"
    remedy = "Choose another name for the new metric."


class TerminalCodeTaken(Refused):
    """Another terminal has this code."""

    code = "terminal_code_taken"


class ImeiTaken(Refused):
    """Another terminal has this IMEI now."""

    code = "imei_taken"
    remedy = "Check the label; take the modem out of the other terminal first."


class WireNameTaken(Refused):
    """Another terminal behind the same gateway calls itself so."""

    code = "wire_name_taken"


class SimTaken(Refused):
    """A SIM with this ICCID, IMSI or MSISDN is on the roll already."""

    code = "sim_taken"


class SimIsElsewhere(Refused):
    """The SIM is in another terminal at that time."""

    code = "sim_is_elsewhere"
    remedy = "Remove it there first, or give the time from which it is here."


class TerminalHasSim(Refused):
    """The terminal has another SIM in it at that time."""

    code = "terminal_has_sim"
    remedy = "Remove that SIM first, or give the time from which this one is in."


class GatewayIsItself(Refused):
    """A terminal cannot be its own gateway."""

    code = "gateway_is_itself"


class UserNameTaken(Refused):
    """Another user has this name."""

    code = "user_name_taken"


class UserNameInvalid(Invalid):
    """A user's name has 1 to 64 of a-z A-Z 0-9 . _ @ - and begins with a letter or digit."""

    code = "user_name_invalid"


class TransitionRefused(Refused):
    """It cannot go from its state to that one, or not by you."""

    code = "transition_refused"


class TransferRefused(Refused):
    """The terminal cannot be transferred so."""

    code = "transfer_refused"


class OwnershipBroken(Refused):
    """A terminal has exactly one owner at each moment."""

    code = "ownership_broken"


class MomentAhead(Invalid):
    """What is put on record has happened: its time cannot be in the future."""

    code = "moment_ahead"
    remedy = "Give a time that has come, or leave it out for now."


class IntervalEmpty(Invalid):
    """It cannot end before or when it began."""

    code = "interval_empty"
    remedy = "Give a later time."


class ProfileNameReserved(Invalid):
    """This name is kept for a table of Muster itself."""

    code = "profile_name_reserved"


class RetentionInvalid(Invalid):
    """Readings are kept for 1 to 36,500 days or for ever, their roll-ups as long or longer."""

    code = "retention_invalid"
    remedy = "Give more days for roll-ups, or none for both."


class PasswordTooShort(Invalid):
    """A password needs 12 characters or more, and at most 256 bytes."""

    code = "password_too_short"
    remedy = "Choose a longer one; a few words are easy to remember."


class PasswordTooWeak(Invalid):
    """This password is one of the first that somebody would guess."""

    code = "password_too_weak"
    remedy = "Choose one that is on no list: a few words that do not belong together."


class PasswordTooPlain(Invalid):
    """A password needs three of: small letters, capital letters, digits, other characters."""

    code = "password_too_plain"
    remedy = "Add a kind of character that it does not have."


class PasswordSame(Invalid):
    """The new password is the one there was."""

    code = "password_same"
    remedy = "Choose another one."


class PasswordWrong(Invalid):
    """This is not the present password."""

    code = "password_wrong"
    remedy = "Type it again; who forgot it asks an administrator for a new one."


class CodeWrong(Invalid):
    """The code is not accepted: it is wrong, too old, or was used before."""

    code = "code_wrong"
    remedy = "Wait for the next code of the app, or use a recovery code; check the phone's clock."


class KeyExpiryPast(Invalid):
    """A key cannot have expired before it is made."""

    code = "key_expiry_past"
    remedy = "Give a time that is to come."


class OwnAccount(Refused):
    """Nobody changes the own role or reach, or takes the own account out of force."""

    code = "own_account"
    remedy = "Ask another administrator; your own password is changed under My account."


class LastAdmin(Refused):
    """This is the last administrator in force."""

    code = "last_admin"
    remedy = "Appoint another one first."


class UsersThere(Refused):
    """There are users already: the first administrator is made once."""

    code = "users_there"
    remedy = "Sign in as an administrator, or give one a new password with `muster user password`."


class SecondFactorThere(Refused):
    """A second factor is enrolled already."""

    code = "second_factor_there"
    remedy = "Remove it with a code of it first, or ask an administrator to reset it."


class SecondFactorAbsent(Refused):
    """There is no second factor to do this with."""

    code = "second_factor_absent"
    remedy = "Enrol one first."


class SecretKeyMissing(Refused):
    """Second factors cannot be kept here: the deployment has no key to seal them with."""

    code = "secret_key_missing"
    remedy = "Have MUSTER_SECRET_KEY_FILE set for the API; docs/reference/settings.md says how."


class NotAPerson(NotPermitted):
    """A key has no password, no second factor and no sessions."""

    code = "not_a_person"
    remedy = "Sign in as a user."


class KeyHeld(Refused):
    """A request with this Idempotency-Key is under way."""

    code = "idempotency_key_in_use"
    remedy = "Wait for its answer, or send the same request again in a second."


class KeyReused(Invalid):
    """This Idempotency-Key was used for another request."""

    code = "idempotency_key_reused"
    remedy = "Take a new key for each creation; the same one only to send the same request again."


class SignsInElsewhere(Refused):
    """An identity provider signs this person in, and its groups decide what they may do."""

    code = "signs_in_elsewhere"
    remedy = "Have it changed there: their groups, their password, their second factor."


_REFUSALS: dict[str, type[MusterError]] = {
    "hardware_interval_is_ordered": IntervalEmpty,
    "installation_interval_is_ordered": IntervalEmpty,
    "terminal_gateway_interval_is_ordered": IntervalEmpty,
    "gateway_is_another_terminal": GatewayIsItself,
    "group_client_code_is_unique": GroupClientCodeTaken,
    "group_client_industry_code_fkey": IndustryNotFound,
    "group_client_tier_code_fkey": TierNotFound,
    "imei_is_in_one_terminal_at_a_time": ImeiTaken,
    "iccid_is_unique": SimTaken,
    "idempotency_key_is_used_once": KeyHeld,
    "imsi_is_unique": SimTaken,
    "msisdn_is_unique": SimTaken,
    "metric_name_is_unique": MetricTaken,
    "one_owner_at_each_moment": OwnershipBroken,
    "profile_code_is_not_reserved": ProfileNameReserved,
    "profile_code_is_unique": ProfileCodeTaken,
    "raw_days_are_sane": RetentionInvalid,
    "rollup_days_are_sane": RetentionInvalid,
    "rollups_outlive_raw_readings": RetentionInvalid,
    "sim_is_in_one_terminal_at_a_time": SimIsElsewhere,
    "sim_is_installed_once_at_a_time": SimIsElsewhere,
    "terminal_code_is_unique": TerminalCodeTaken,
    "terminal_has_one_sim_at_a_time": TerminalHasSim,
    "terminal_region_code_fkey": RegionNotFound,
    "group_client_region_code_fkey": RegionNotFound,
    "sim_region_code_fkey": RegionNotFound,
    "user_name_is_plain": UserNameInvalid,
    "user_name_is_unique": UserNameTaken,
    "wire_name_is_unique_behind_a_gateway": WireNameTaken,
}
register_refusals(_REFUSALS)
