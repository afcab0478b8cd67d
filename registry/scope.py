"""Who asks, and what they may do and see: the first lock; row-level security is the second."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from foundation.errors import Invalid, NotPermitted
from registry.model import RegionRange


class Right(StrEnum):
    """One thing a caller may do, named `area.verb`."""

    ACCOUNT_ENROL = "account.enrol"
    ACCOUNT_OVERSEE = "account.oversee"
    ACCOUNT_READ = "account.read"
    ACCOUNT_SET_PASSWORD = "account.set_password"  # noqa: S105
    ALARMS_READ = "alarms.read"
    ALARMS_TEND = "alarms.tend"
    API_KEYS_ISSUE = "api_keys.issue"
    API_KEYS_READ = "api_keys.read"
    ASSIGNMENTS_CHANGE = "assignments.change"
    ASSIGNMENTS_READ = "assignments.read"
    AUDIT_READ = "audit.read"
    BINDINGS_APPROVE = "bindings.approve"
    BINDINGS_REQUEST = "bindings.request"
    BINDINGS_SET = "bindings.set"
    BOOK_READ = "book.read"
    CHANNELS_CHANGE = "channels.change"
    CHANNELS_READ = "channels.read"
    CLIENT_FILES_KEEP = "client_files.keep"
    CLIENT_FILES_READ = "client_files.read"
    CLIENT_FILES_VERIFY = "client_files.verify"
    COLLECTIONS_CHANGE = "collections.change"
    COLLECTIONS_READ = "collections.read"
    CREDENTIALS_ISSUE = "credentials.issue"
    CREDENTIALS_REVOKE = "credentials.revoke"
    GROUP_CLIENTS_CHANGE = "group_clients.change"
    GROUP_CLIENTS_MOVE = "group_clients.move"
    GROUP_CLIENTS_READ = "group_clients.read"
    GROUP_CLIENTS_REGISTER = "group_clients.register"
    IMPORTS_READ = "imports.read"
    IMPORTS_RUN = "imports.run"
    JOBS_READ = "jobs.read"
    LEGAL_HOLDS_PLACE = "legal_holds.place"
    LEGAL_HOLDS_READ = "legal_holds.read"
    METRICS_SCRAPE = "metrics.scrape"
    PACKAGES_DEFINE = "packages.define"
    PACKAGES_READ = "packages.read"
    PLATFORM_READ = "platform.read"
    PROFILES_DEFINE = "profiles.define"
    PROFILES_READ = "profiles.read"
    QUARANTINE_READ = "quarantine.read"
    QUARANTINE_REPLAY = "quarantine.replay"
    REGIONS_DEFINE = "regions.define"
    REGIONS_READ = "regions.read"
    RULES_CHANGE = "rules.change"
    RULES_READ = "rules.read"
    SIMS_CHANGE = "sims.change"
    SIMS_INSTALL = "sims.install"
    SIMS_MOVE = "sims.move"
    SIMS_READ = "sims.read"
    SIMS_REGISTER = "sims.register"
    STORAGE_READ = "storage.read"
    STORMS_CHANGE = "storms.change"
    SUPERVISION_READ = "supervision.read"
    TELEMETRY_READ = "telemetry.read"
    TERMINALS_CHANGE = "terminals.change"
    TERMINALS_READ = "terminals.read"
    TERMINALS_REGISTER = "terminals.register"
    TERMINALS_RETIRE = "terminals.retire"
    TERMINALS_TRANSFER = "terminals.transfer"
    TIERS_ASSIGN = "tiers.assign"
    TIERS_CHANGE = "tiers.change"
    TIERS_READ = "tiers.read"
    TRANSFERS_READ = "transfers.read"
    TRANSFERS_SIGN = "transfers.sign"
    USERS_APPOINT = "users.appoint"
    USERS_READ = "users.read"


class Role(StrEnum):
    """The fixed roles of the contract."""

    ADMIN = "admin"
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    ACCOUNT_MANAGER = "account_manager"
    AGENT = "agent"
    CLIENT_ADMIN = "client_admin"
    CLIENT_VIEWER = "client_viewer"
    SCRAPER = "scraper"


class Reach(StrEnum):
    """What a role's scope is cut out by."""

    EVERYTHING = "everything"
    REGION = "region"
    GROUP_CLIENTS = "group_clients"
    ONE_GROUP_CLIENT = "one_group_client"
    ANY = "any"


class Awaits(StrEnum):
    """What a person who gave the right password has still to do before anything else."""

    SECOND_FACTOR = "second_factor"
    PASSWORD = "password"  # noqa: S105
    ENROLMENT = "enrolment"


# What only a person has: a password, a second factor, sessions. No role gives it, a session does.
PERSONAL = frozenset({Right.ACCOUNT_ENROL, Right.ACCOUNT_OVERSEE, Right.ACCOUNT_SET_PASSWORD})

_WHILE_AWAITED: Mapping[Awaits, frozenset[Right]] = MappingProxyType(
    {
        Awaits.SECOND_FACTOR: frozenset({Right.ACCOUNT_READ}),
        Awaits.PASSWORD: frozenset({Right.ACCOUNT_READ, Right.ACCOUNT_SET_PASSWORD}),
        Awaits.ENROLMENT: frozenset({Right.ACCOUNT_READ, Right.ACCOUNT_ENROL}),
    }
)

_WATCHING = frozenset(
    {
        Right.ACCOUNT_READ,
        Right.ALARMS_READ,
        Right.COLLECTIONS_READ,
        Right.GROUP_CLIENTS_READ,
        Right.PROFILES_READ,
        Right.QUARANTINE_READ,
        Right.REGIONS_READ,
        Right.RULES_READ,
        Right.SIMS_READ,
        Right.TELEMETRY_READ,
        Right.TERMINALS_READ,
        Right.TIERS_READ,
        Right.TRANSFERS_READ,
    }
)
_KEEPING_FILES = frozenset({Right.CLIENT_FILES_KEEP, Right.CLIENT_FILES_READ})

# What all of the operator's side who look after clients read besides.
_SERVING = _WATCHING | {Right.ASSIGNMENTS_READ, Right.BOOK_READ, Right.PACKAGES_READ}

ROLES: Mapping[Role, frozenset[Right]] = MappingProxyType(
    {
        Role.ADMIN: frozenset(Right) - PERSONAL,
        Role.OPERATOR: _SERVING
        | _KEEPING_FILES
        | {
            Right.ALARMS_TEND,
            Right.ASSIGNMENTS_CHANGE,
            Right.AUDIT_READ,
            Right.BINDINGS_APPROVE,
            Right.BINDINGS_REQUEST,
            Right.BINDINGS_SET,
            Right.CHANNELS_CHANGE,
            Right.CHANNELS_READ,
            Right.CLIENT_FILES_VERIFY,
            Right.COLLECTIONS_CHANGE,
            Right.CREDENTIALS_ISSUE,
            Right.CREDENTIALS_REVOKE,
            Right.GROUP_CLIENTS_CHANGE,
            Right.GROUP_CLIENTS_MOVE,
            Right.GROUP_CLIENTS_REGISTER,
            Right.IMPORTS_READ,
            Right.IMPORTS_RUN,
            Right.JOBS_READ,
            Right.QUARANTINE_REPLAY,
            Right.RULES_CHANGE,
            Right.SIMS_CHANGE,
            Right.SIMS_INSTALL,
            Right.SIMS_MOVE,
            Right.SIMS_REGISTER,
            Right.SUPERVISION_READ,
            Right.TERMINALS_CHANGE,
            Right.TERMINALS_REGISTER,
            Right.TERMINALS_RETIRE,
            Right.TERMINALS_TRANSFER,
            Right.TIERS_ASSIGN,
            Right.TRANSFERS_SIGN,
        },
        Role.SUPERVISOR: _SERVING
        | {Right.AUDIT_READ, Right.CLIENT_FILES_READ, Right.SUPERVISION_READ},
        Role.ACCOUNT_MANAGER: _SERVING
        | _KEEPING_FILES
        | {
            Right.BINDINGS_REQUEST,
            Right.CLIENT_FILES_VERIFY,
            Right.COLLECTIONS_CHANGE,
            Right.GROUP_CLIENTS_CHANGE,
        },
        # An agent is not of the house: no SIM numbers, no raw payloads, no dealings of clients.
        # It surveys and files its clients, and verifies none.
        Role.AGENT: _SERVING - {Right.QUARANTINE_READ, Right.SIMS_READ, Right.TRANSFERS_READ}
        | _KEEPING_FILES,
        Role.CLIENT_ADMIN: _WATCHING
        | {
            Right.ALARMS_TEND,
            Right.API_KEYS_ISSUE,
            Right.API_KEYS_READ,
            Right.AUDIT_READ,
            Right.BINDINGS_REQUEST,
            Right.CHANNELS_CHANGE,
            Right.CHANNELS_READ,
            Right.COLLECTIONS_CHANGE,
            Right.CREDENTIALS_ISSUE,
            Right.CREDENTIALS_REVOKE,
            Right.RULES_CHANGE,
            Right.TRANSFERS_SIGN,
            Right.SIMS_MOVE,  # as a client does: suspend and take into use again
            Right.USERS_APPOINT,
            Right.USERS_READ,
        },
        Role.CLIENT_VIEWER: _WATCHING,
        Role.SCRAPER: frozenset({Right.ACCOUNT_READ, Right.METRICS_SCRAPE}),
    }
)

REACHES: Mapping[Role, Reach] = MappingProxyType(
    {
        Role.ADMIN: Reach.EVERYTHING,
        Role.OPERATOR: Reach.REGION,
        Role.SUPERVISOR: Reach.REGION,
        Role.ACCOUNT_MANAGER: Reach.GROUP_CLIENTS,
        Role.AGENT: Reach.GROUP_CLIENTS,
        Role.CLIENT_ADMIN: Reach.ONE_GROUP_CLIENT,
        Role.CLIENT_VIEWER: Reach.ONE_GROUP_CLIENT,
        Role.SCRAPER: Reach.ANY,
    }
)

# Roles whose holders change things of others: a second factor is asked of them first.
COMMANDING = frozenset({Role.ADMIN, Role.OPERATOR, Role.CLIENT_ADMIN})
# Who sees the clients that are assigned to them, for as long as they are: `assignments`.
SERVING_ROLES = (Role.ACCOUNT_MANAGER, Role.AGENT)
# What somebody who does not see everything may give away: never more than the own clients.
CLIENTS_ROLES = (Role.CLIENT_ADMIN, Role.CLIENT_VIEWER)

_NO_REGION = RegionRange(0, -1)


class ScopeInvalid(Invalid):
    """This role cannot be given this region or these group clients."""

    code = "scope_invalid"
    remedy = (
        "Give admin neither, operator and supervisor a region, account_manager and agent group"
        " clients, client_admin and client_viewer exactly one group client."
    )


class RightMissing(NotPermitted):
    """The caller's role does not include a right; `right` is the one that was needed."""

    def __init__(self, right: Right) -> None:
        super().__init__(f"This needs the right {right.value}, which your role does not have.")
        self.right = right


class SecondFactorPending(NotPermitted):
    """The sign-in waits for the code of the second factor."""

    code = "second_factor_pending"
    remedy = "Send the code, or a recovery code, to /api/v1/sessions/second-factor."


class PasswordChangeNeeded(NotPermitted):
    """The password has to be changed before anything else."""

    code = "password_change_needed"
    remedy = "Send the present password and a new one to /api/v1/me/password."


class SecondFactorNeeded(NotPermitted):
    """This role needs a second factor, and none is enrolled."""

    code = "second_factor_needed"
    remedy = "Enrol one at /api/v1/me/second-factor, or under My account in the console."


_WHY: Mapping[Awaits, type[NotPermitted]] = MappingProxyType(
    {
        Awaits.SECOND_FACTOR: SecondFactorPending,
        Awaits.PASSWORD: PasswordChangeNeeded,
        Awaits.ENROLMENT: SecondFactorNeeded,
    }
)


@dataclass(frozen=True, slots=True)
class Scope:
    """Who asks (`actor`), what they may do (`rights`) and whose things they may see.

    A row is visible when `everything` is set, or it lies in `region`, or it belongs to one of
    `group_clients` or a client below one; with none of the three, no row is. While a person's
    sign-in `awaits` something, none is.
    """

    actor: str
    rights: frozenset[Right]
    everything: bool = False
    region: RegionRange | None = None
    group_clients: frozenset[int] = frozenset()
    awaits: Awaits | None = None

    @classmethod
    def of_role(
        cls,
        actor: str,
        role: Role,
        *,
        region: RegionRange | None = None,
        group_clients: frozenset[int] = frozenset(),
    ) -> "Scope":
        """The scope of a user or key that holds `role`; ScopeInvalid when the two do not fit."""
        fits = {
            Reach.EVERYTHING: region is None and not group_clients,
            Reach.REGION: region is not None and not group_clients,
            Reach.GROUP_CLIENTS: region is None,
            Reach.ONE_GROUP_CLIENT: region is None and len(group_clients) == 1,
            Reach.ANY: True,
        }
        reach = REACHES[role]
        if not fits[reach]:
            raise ScopeInvalid(field="region" if region is not None else "group_clients")
        return cls(actor, ROLES[role], reach is Reach.EVERYTHING, region, group_clients)

    @classmethod
    def system(cls, name: str) -> "Scope":
        """The scope of one of our own processes: every right, everything."""
        return cls(f"system:{name}", frozenset(Right), everything=True)

    def of_person(self, awaits: Awaits | None) -> "Scope":
        """The same for a person in a session; next to nothing while something is awaited."""
        if awaits is not None:
            return Scope(self.actor, _WHILE_AWAITED[awaits], awaits=awaits)
        return replace(self, rights=self.rights | PERSONAL)

    def require(self, right: Right) -> None:
        """Return if the caller has the right; RightMissing, or what is awaited, if not."""
        if right in self.rights:
            return
        if self.awaits is not None:
            raise _WHY[self.awaits]
        raise RightMissing(right)

    def parameters(self) -> dict[str, bool | int | list[int]]:
        """The same as parameters of a query, for the filter that every query has of its own."""
        low, high = self.region or _NO_REGION
        return {
            "everything": self.everything,
            "region_low": low,
            "region_high": high,
            "group_clients": sorted(self.group_clients),
        }

    def settings(self) -> dict[str, str]:
        """What the row-level policies read with `current_setting`, each castable as it stands:

        a boolean, two int4 (low above high where there is no region), an int4[] literal, and
        whether it reads what the operator knows of its clients.
        """
        low, high = self.region or _NO_REGION
        return {
            "muster.actor": self.actor,
            "muster.everything": "on" if self.everything else "off",
            "muster.region_low": str(low),
            "muster.region_high": str(high),
            "muster.group_clients": "{" + ",".join(map(str, sorted(self.group_clients))) + "}",
            "muster.reads_files": "on" if Right.CLIENT_FILES_READ in self.rights else "off",
        }
