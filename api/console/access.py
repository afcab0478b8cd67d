"""How the console speaks of people and keys: what a role may do, what stands in a form's way.

`_` only marks, as in `words`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from api.console import form_problems
from registry.model import RegionCode
from registry.scope import REACHES, Awaits, Reach, Role


def _(text: str) -> str:
    return text


ROLES = {
    Role.ADMIN: _("Administrator"),
    Role.OPERATOR: _("Operator"),
    Role.SUPERVISOR: _("Supervisor"),
    Role.ACCOUNT_MANAGER: _("Account manager"),
    Role.AGENT: _("Sales agent"),
    Role.CLIENT_ADMIN: _("Client's administrator"),
    Role.CLIENT_VIEWER: _("Client's viewer"),
    Role.SCRAPER: _("Metrics reader"),
}

ROLE_MEANINGS = {
    Role.ADMIN: _("sees and does everything, manages users and keys"),
    Role.OPERATOR: _("puts terminals in service and retires them, in one region"),
    Role.SUPERVISOR: _("sees all of one region, changes nothing"),
    Role.ACCOUNT_MANAGER: _("looks after some group clients and their files"),
    Role.AGENT: _("sees terminals of some group clients, no SIM numbers, no raw messages"),
    Role.CLIENT_ADMIN: _("sees one group client, manages its users, keys and passwords"),
    Role.CLIENT_VIEWER: _("sees one group client, changes nothing"),
    Role.SCRAPER: _("reads metrics, nothing else"),
}

STEPS = {
    Awaits.SECOND_FACTOR: _("The password was right; the code of your second factor comes next."),
    Awaits.PASSWORD: _("Choose a password of your own before you go on."),
    Awaits.ENROLMENT: _("Your role needs a second factor: set it up before you go on."),
}

# What a refused form says, by the stable code of the problem; others are told as the API does.
PROBLEMS = {
    "account_manager_needed": _(
        "A client that has an account manager keeps one: hand it over to another one."
    ),
    "address_refused": _(
        "Nothing may be sent there: give an https:// address on the public internet, or have its"
        " network allowed."
    ),
    "alarm_invalid": _("Name a time to come within thirty days."),
    "alarm_over": _("The alarm is over: nothing more is to be done about it."),
    "api_key_not_found": _("There is no such key in your part of the fleet."),
    "asker_gone": _("The account that asked for it is not in force any more."),
    "begun_too_often": _("It was begun again and again, and never came to its end."),
    "binding_request_closed": _("This request is decided, withdrawn or expired."),
    "binding_request_there": _("Another request for this SIM is open: have it decided first."),
    "binding_rule_invalid": _(
        "One IMEI goes with one IMEI, a list with 1 to 1000 IMEIs, types with 1 to 100 TACs of 8"
        " digits, the other modes with none."
    ),
    "binding_taken": _("Somebody else has just set a rule for this SIM: look at it again."),
    "client_below_itself": _(
        "A client cannot be below itself, or below one that is below it: move that one away first."
    ),
    "code_wrong": _(
        "The code is not accepted: it is wrong, too old or was used before."
        " Wait for the next one, and check the phone's clock."
    ),
    "collection_by_hand": _("A collection by hand has no query."),
    "collection_by_query": _("What a query finds cannot be put in or taken out by hand."),
    "collection_holds_others": _("A client's collection holds only what that client owns."),
    "collection_name_taken": _("Another collection of the same owner has this name."),
    "collection_owner_missing": _("Say whose it is to be: the code of one of your group clients."),
    "contact_invalid": _("A contact has a name, a telephone number in digits, a mail address."),
    "credit_code_taken": _("Another group client has this credit code."),
    "due_date_invalid": _("A file is verified until a day to come, ten years ahead at most."),
    "evidence_invalid": _("A document has a name and the 64 hexadecimal digits of its SHA-256."),
    "evidence_missing": _("Say where the client's consent stands: a letter, a contract, a ticket."),
    "evidence_there": _("This document is in the file already."),
    "export_invalid": _("Name terminals, or one collection, group client or region."),
    "export_not_done": _("There is no file: it is not ready yet, failed, or is over."),
    "export_out_of_sight": _("This file holds what you may no longer see: ask for it anew."),
    "export_quota_reached": _(
        "Your tier allows no more exports within 24 hours: ask again tomorrow, or for less."
    ),
    "export_scope_changed": _("What you may see changed while it was read: ask for it anew."),
    "export_too_large": _(
        "The file would be too large: ask for a shorter time, fewer terminals or fewer metrics."
    ),
    "export_too_wide": _("These are more than 100,000 terminals: ask for some of them."),
    "exports_busy": _("Three exports of yours wait already: wait until one is ready."),
    "exports_full": _("There is no room for another file: delete exports that nobody needs."),
    "file_closed": _("A closed file is not changed: have it reopened first."),
    "file_not_verified": _(
        "The owner's file is not verified, and its tier keeps terminals in testing until it is."
    ),
    "file_reason_missing": _("Say why the file is closed or reopened."),
    "file_same_hand": _("Who filed a file does not verify it: have another person do so."),
    "gateway_chained": _("A gateway is a terminal in use that is behind no other one."),
    "gateway_holds_terminals": _(
        "Terminals are behind this gateway: put them behind another one first."
    ),
    "gateway_is_itself": _("A terminal cannot be its own gateway."),
    "group_client_not_found": _("There is no such group client in your part of the fleet."),
    "hand_over_planned": _(
        "A client is going to be handed over already: call that off on its page first."
    ),
    "hand_over_too_early": _(
        "Who serves a client does so since a later time: give a time after that."
    ),
    "identifier_invalid": _(
        "This number or name is not of its kind: copy it again from the label."
    ),
    "imei_taken": _("Another terminal has this IMEI now."),
    "insecure_channel": _(
        "A password must not cross the network without TLS: open this address with https."
    ),
    "interval_empty": _("It cannot be before the present one began."),
    "key_expiry_past": _("A key cannot have expired before it is made."),
    "last_admin": _("This is the last administrator in force: appoint another one first."),
    "legal_hold_invalid": _(
        "A legal hold is on one group client, terminal or device profile, and says why and where"
        " the case is found."
    ),
    "legal_hold_lifted": _("This legal hold is lifted already."),
    "legal_hold_window_empty": _("What a legal hold keeps begins before it ends."),
    "maintenance_window_over": _("The maintenance window is over: plan another one."),
    "location_half": _("A place is a latitude and a longitude, or neither."),
    "metric_unknown": _("None of the terminals has such a metric."),
    "moment_ahead": _("What is put on record has happened: its time cannot be in the future."),
    "not_bound": _("The SIM is not bound: it may be put into any hardware."),
    "not_permitted": _("Your role does not include it any more."),
    "not_served": _(
        "A client is not served by that person any more: open its page for who does now."
    ),
    "not_signed_in": _("The name or the password is wrong."),
    "nothing_to_agree": _("Nothing of this transfer waits for your consent."),
    "own_account": _(
        "Nobody changes the own role, or takes the own account out of force: ask another"
        " administrator."
    ),
    "owners_differ": _("The terminals of one transfer have one owner: propose one for each."),
    "package_date_invalid": _("A package takes effect now or at a time to come, within ten years."),
    "package_invalid": _("A package has a code, two titles, and each device profile once."),
    "package_over": _("Only what is planned or in force can be undone."),
    "package_overlaid": _("The tier was changed since: put the client on the one it is to have."),
    "package_planned": _("A package is planned already: call that off first."),
    "package_retired": _("This package is given to nobody any more."),
    "package_taken": _("There is a package of this code already."),
    "package_there": _("The client has this package already."),
    "parquet_missing": _("This installation does not write Parquet: choose CSV or NDJSON."),
    "part_absent": _("There is none to take out."),
    "part_same": _("The terminal has this one already."),
    "password_same": _("The new password is the one you have: choose another one."),
    "password_too_plain": _(
        "A password needs three of: small letters, capital letters, digits, other characters."
    ),
    "password_too_short": _(
        "A password needs %(least)s characters or more, and at most 256 bytes."
    ),
    "password_too_weak": _(
        "This password is one of the first that somebody would guess: take a few words that do"
        " not belong together."
    ),
    "password_wrong": _("This is not your present password."),
    "passwords_differ": _("The two new passwords differ: type both again."),
    "person_cannot_serve": _(
        "Clients are served by account managers and agents who can sign in: choose one of them."
    ),
    "profile_missing": _("Name a device profile: the owner has no package that names one."),
    "rate_limited": _("You ask more often than is allowed. Wait a moment, then try again."),
    "reach_exceeded": _("You can give away no more than you may see and do yourself."),
    "region_not_found": _("There is no such region."),
    "profile_not_found": _("There is no such device profile."),
    "replaced_too_early": _(
        "The present one has been there since a later time: give one after that."
    ),
    "retention_invalid": _(
        "Readings are kept for 1 to 36,500 days, and their roll-ups as long or longer."
    ),
    "rule_owner_missing": _("Say whose the rule is to be: one group client, or one region."),
    "scope_invalid": _(
        "The role does not go with this: a region for operators and supervisors, group clients for"
        " account managers and agents, exactly one for a client's own people."
    ),
    "second_factor_absent": _("There is no second factor yet: set one up first."),
    "second_factor_there": _("A second factor is set up already: remove it with a code first."),
    "secret_key_missing": _(
        "What is secret cannot be kept here yet: the operator of Muster has to set"
        " MUSTER_SECRET_KEY_FILE."
    ),
    "served_already": _(
        "Somebody of that role serves this client already: hand it over from them."
    ),
    "session_not_found": _("That session is over already."),
    "sim_is_elsewhere": _("This SIM is in another terminal at that time."),
    "sim_not_found": _("There is no such SIM in your part of the fleet."),
    "signs_in_elsewhere": _(
        "An identity provider signs this person in: have their groups, password or second factor"
        " changed there."
    ),
    "stands_there_already": _("The client stands there already: somebody else may have moved it."),
    "still_serves": _("This person serves clients: hand them over first."),
    "tag_invalid": _(
        "A tag has 1 to 32 letters, digits and . _ : - and a terminal 16 tags at most."
    ),
    "terminal_in_transfer": _(
        "A terminal is in another transfer that is still open: withdraw that one first."
    ),
    "terminal_not_found": _("There is no such terminal in your part of the fleet."),
    "terminal_quota_reached": _("The client has as many terminals as its tier allows."),
    "terminal_retired": _("A retired terminal takes no hardware, SIM, name or gateway any more."),
    "tier_unchanged": _("The client is on this tier already."),
    "times_invalid": _("The window ends before it begins."),
    "too_many_attempts": _("Too many attempts failed. Wait a moment, then try again."),
    "transfer_over": _("This transfer is over, or does not wait for consent any more."),
    "trial_end_invalid": _(
        "A trial ends at a time to come, within ten years; a tier that is for good has no end."
    ),
    "unavailable": _("The database does not answer now. Try again in a moment."),
    "user_name_invalid": _("A name has 1 to 64 of: letters, digits and . _ @ -"),
    "user_name_taken": _("Another user has this name."),
    "version_changed": _("Somebody else changed this meanwhile: look at it anew, then try again."),
    "window_too_long": _("A window is ten years long at most."),
    "wire_name_taken": _("Another terminal behind the same gateway calls itself so."),
    "wire_names_many": _("A terminal has 16 names at most."),
} | form_problems.PROBLEMS


# What the page of the sign-in says; of all others that name and password do not fit.
SIGN_IN_PROBLEMS = {
    code: PROBLEMS[code]
    for code in ("too_many_attempts", "insecure_channel", "rate_limited", "unavailable")
} | {
    "account_disabled": _("Your account is out of force: ask an administrator of Muster."),
    "group_rule_unusable": _(
        "The rule for your group cannot be applied: ask an administrator of Muster to mend it."
    ),
    "name_taken_here": _(
        "Another account of Muster has your name: ask an administrator of Muster, so that one of"
        " the two is called something else."
    ),
    "name_unusable": _(
        "The name that the identity provider gives you cannot name an account: ask an administrator"
        " of Muster to use another claim."
    ),
    "no_group_fits": _(
        "None of your groups has a part in Muster: ask an administrator which one you need."
    ),
    "provider_away": _(
        "The identity provider does not answer. Try again in a moment, or sign in with a password"
        " of Muster."
    ),
    "provider_refused": _("The identity provider did not sign you in. Try again there."),
    "provider_unusable": _(
        "The identity provider's answer cannot be used. Try again in a moment, or sign in with a"
        " password of Muster."
    ),
    "sign_on_refused": _(
        "Muster does not let you in as your groups say now: ask an administrator of Muster."
    ),
    "sign_on_stale": _(
        "This sign-in was begun in another browser, or too long ago, or is done already: begin"
        " again."
    ),
    "token_refused": _("The identity provider's word about you is not believed: begin again."),
}


@dataclass(frozen=True, slots=True)
class Lot:
    """What goes with a role, as a form gave it; what the role has no use for is left out."""

    role: Role
    region: RegionCode | None
    group_clients: tuple[str, ...]

    @classmethod
    def of(cls, role: Role, region: str, clients: str) -> "Lot":
        """From a form's fields: digits or nothing, and codes parted by commas or blanks."""
        reach = REACHES[role]
        codes = clients.replace(",", " ").replace("，", " ").split()
        return cls(
            role,
            RegionCode(int(region)) if region and reach in _WITH_REGION else None,
            tuple(dict.fromkeys(codes)) if reach in _WITH_CLIENTS else (),
        )


_WITH_REGION = {Reach.REGION, Reach.ANY}
_WITH_CLIENTS = {Reach.GROUP_CLIENTS, Reach.ONE_GROUP_CLIENT, Reach.ANY}

# What a role's form asks for, as its stylesheet knows it.
REACH_OF: Mapping[Role, str] = {role: REACHES[role].value for role in Role}

_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("MicroMessenger/", "WeChat"),
             ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))  # fmt: skip
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"),
            ("Windows", "Windows"), ("Mac OS X", "macOS"), ("Linux", "Linux"))  # fmt: skip


def browser(user_agent: str) -> str:
    """Browser and system in two words, or a program's own name for itself."""
    program = next((name for mark, name in _BROWSERS if mark in user_agent), None)
    if program is None:
        return user_agent.split(" ")[0]
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    return f"{program} · {system}" if system else program
