"""Who may do what, and whose things they see."""

import pytest

from foundation.errors import NotPermitted
from registry.model import RegionRange
from registry.scope import (
    PERSONAL,
    REACHES,
    ROLES,
    Awaits,
    Right,
    RightMissing,
    Role,
    Scope,
    ScopeInvalid,
)

JIANGSU = RegionRange(320000, 329999)
BOOK = frozenset({7, 3})

CHANGING = {
    right for right in Right if not right.endswith(".read") and right is not Right.METRICS_SCRAPE
} - PERSONAL


def test_every_role_has_rights_and_a_reach() -> None:
    """No role of the contract is left out of the two fixed tables."""
    assert (set(ROLES), set(REACHES)) == (set(Role), set(Role))


def test_rights_are_named_area_dot_verb_in_the_order_of_the_alphabet() -> None:
    """A right's name says the area and the verb, and the list is easy to search."""
    names = [right.value for right in Right]
    assert names == sorted(names)
    assert [right.name for right in Right] == [name.replace(".", "_").upper() for name in names]


@pytest.mark.parametrize(
    ("role", "changes"),
    [
        (Role.SUPERVISOR, set()),
        (Role.AGENT, {Right.CLIENT_FILES_KEEP}),
        (Role.CLIENT_VIEWER, set()),
        (Role.SCRAPER, set()),
        (
            Role.ACCOUNT_MANAGER,
            {
                Right.BINDINGS_REQUEST,
                Right.CLIENT_FILES_KEEP,
                Right.CLIENT_FILES_VERIFY,
                Right.COLLECTIONS_CHANGE,
                Right.GROUP_CLIENTS_CHANGE,
            },
        ),
        (
            Role.CLIENT_ADMIN,
            {
                Right.ALARMS_TEND,
                Right.API_KEYS_ISSUE,
                Right.BINDINGS_REQUEST,
                Right.CHANNELS_CHANGE,
                Right.COLLECTIONS_CHANGE,
                Right.CREDENTIALS_ISSUE,
                Right.CREDENTIALS_REVOKE,
                Right.RULES_CHANGE,
                Right.SIMS_MOVE,
                Right.TRANSFERS_SIGN,
                Right.USERS_APPOINT,
            },
        ),
        (
            Role.OPERATOR,
            CHANGING
            - {
                Right.API_KEYS_ISSUE,
                Right.LEGAL_HOLDS_PLACE,
                Right.PACKAGES_DEFINE,
                Right.PROFILES_DEFINE,
                Right.REGIONS_DEFINE,
                Right.STORMS_CHANGE,
                Right.TIERS_CHANGE,
                Right.USERS_APPOINT,
            },
        ),
        (Role.ADMIN, CHANGING),
    ],
)
def test_only_who_serves_terminals_changes_anything(role: Role, changes: set[Right]) -> None:
    """What each role may change; profiles, packages and regions are the headquarters' alone."""
    assert ROLES[role] & CHANGING == changes


def test_scraper_reads_metrics_and_nothing_else() -> None:
    """A scraper's key opens no list, no terminal and no reading; it knows what it is itself."""
    assert ROLES[Role.SCRAPER] == {Right.ACCOUNT_READ, Right.METRICS_SCRAPE}


def test_agent_sees_no_sims_no_raw_payloads_no_dealings_and_no_audit() -> None:
    """A sales agent is not of the house."""
    withheld = {
        Right.AUDIT_READ,
        Right.QUARANTINE_READ,
        Right.SIMS_READ,
        Right.SUPERVISION_READ,
        Right.TRANSFERS_READ,
    }

    assert ROLES[Role.SUPERVISOR] - ROLES[Role.AGENT] == withheld


@pytest.mark.parametrize(
    ("awaits", "rights", "code"),
    [
        (Awaits.SECOND_FACTOR, {Right.ACCOUNT_READ}, "second_factor_pending"),
        (
            Awaits.PASSWORD,
            {Right.ACCOUNT_READ, Right.ACCOUNT_SET_PASSWORD},
            "password_change_needed",
        ),
        (Awaits.ENROLMENT, {Right.ACCOUNT_READ, Right.ACCOUNT_ENROL}, "second_factor_needed"),
    ],
)
def test_while_something_is_awaited_there_is_next_to_nothing(
    awaits: Awaits, rights: set[Right], code: str
) -> None:
    """A half sign-in of an administrator sees nobody's things, and is told what to do first."""
    scope = Scope.of_role("user:li", Role.ADMIN).of_person(awaits)

    assert scope.rights == rights
    assert (scope.everything, scope.region, scope.group_clients) == (False, None, frozenset())
    with pytest.raises(NotPermitted) as caught:
        scope.require(Right.USERS_READ)
    assert caught.value.code == code


def test_no_role_gives_what_only_a_person_has() -> None:
    """A key of any role has no password, no second factor and no sessions; a whole session has."""
    assert {right for rights in ROLES.values() for right in rights} & PERSONAL == set()
    assert Scope.of_role("user:li", Role.SCRAPER).of_person(None).rights >= PERSONAL


def test_missing_right_is_named() -> None:
    """`require` returns for a right that is held and names the one that is not."""
    scope = Scope.of_role("user:li", Role.CLIENT_VIEWER, group_clients=frozenset({5}))
    scope.require(Right.TELEMETRY_READ)
    with pytest.raises(NotPermitted) as caught:
        scope.require(Right.TERMINALS_RETIRE)
    assert isinstance(caught.value, RightMissing)
    assert caught.value.right is Right.TERMINALS_RETIRE


@pytest.mark.parametrize(
    ("role", "region", "group_clients"),
    [
        (Role.ADMIN, JIANGSU, frozenset()),
        (Role.ADMIN, None, BOOK),
        (Role.OPERATOR, None, frozenset()),
        (Role.OPERATOR, JIANGSU, BOOK),
        (Role.SUPERVISOR, None, BOOK),
        (Role.ACCOUNT_MANAGER, JIANGSU, BOOK),
        (Role.AGENT, JIANGSU, frozenset()),
        (Role.CLIENT_ADMIN, None, frozenset()),
        (Role.CLIENT_ADMIN, None, BOOK),
        (Role.CLIENT_VIEWER, JIANGSU, frozenset({5})),
    ],
)
def test_role_is_refused_a_reach_that_is_not_its_own(
    role: Role, region: RegionRange | None, group_clients: frozenset[int]
) -> None:
    """No role but admin is unscoped, and none is scoped by what it is not scoped by."""
    with pytest.raises(ScopeInvalid):
        Scope.of_role("user:li", role, region=region, group_clients=group_clients)


@pytest.mark.parametrize(
    ("scope", "everything", "low", "high", "group_clients"),
    [
        (Scope.system("jobs"), "on", "0", "-1", "{}"),
        (Scope.of_role("user:a", Role.ADMIN), "on", "0", "-1", "{}"),
        (
            Scope.of_role("user:a", Role.SUPERVISOR, region=JIANGSU),
            "off",
            "320000",
            "329999",
            "{}",
        ),
        (Scope.of_role("user:a", Role.AGENT, group_clients=BOOK), "off", "0", "-1", "{3,7}"),
        (Scope.of_role("user:a", Role.ACCOUNT_MANAGER), "off", "0", "-1", "{}"),
        (Scope.of_role("key:a", Role.SCRAPER), "off", "0", "-1", "{}"),
        (Scope("key:a", frozenset(Right)), "off", "0", "-1", "{}"),
    ],
)
def test_settings_say_what_the_policies_may_show(
    scope: Scope, everything: str, low: str, high: str, group_clients: str
) -> None:
    """Each setting is a literal as it stands; no region is an empty range, no client none."""
    assert scope.settings() == {
        "muster.actor": scope.actor,
        "muster.everything": everything,
        "muster.region_low": low,
        "muster.region_high": high,
        "muster.group_clients": group_clients,
        "muster.reads_files": "on" if Right.CLIENT_FILES_READ in scope.rights else "off",
    }
