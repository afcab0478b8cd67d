"""How the console tells what was done and what was refused: the words of the audit.

`_` only marks, as in `words`.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime


def _(text: str) -> str:
    return text


# What an action is about, by its table.
THINGS = {
    "alarm_note": _("care of an alarm"),
    "api_key": _("API key"),
    "assignment": _("assignment of a client"),
    "binding": _("binding of a SIM"),
    "binding_request": _("request for another binding"),
    "certificate": _("certificate of a terminal"),
    "client_evidence": _("evidence of a client file"),
    "client_file": _("survey of a client"),
    "client_package": _("package of a client"),
    "collection": _("collection"),
    "collection_member": _("terminal in a collection"),
    "credential": _("password of a terminal"),
    "group_client": _("group client"),
    "hardware": _("hardware in a terminal"),
    "industry": _("industry"),
    "installation": _("SIM in a terminal"),
    "legal_hold": _("legal hold"),
    "maintenance_window": _("maintenance window"),
    "network": _("mobile network"),
    "notification_channel": _("notification channel"),
    "notification_delivery": _("test of a notification channel"),
    "number_range": _("range of numbers"),
    "ownership": _("owner of a terminal"),
    "package": _("package"),
    "package_profile": _("profile in a package"),
    "profile": _("device profile"),
    "profile_metric": _("metric of a profile"),
    "region": _("region"),
    "replay": _("replay of refused messages"),
    "rule": _("rule for alarms"),
    "sim": _("SIM"),
    "storm_threshold": _("threshold of a storm"),
    "terminal": _("terminal"),
    "terminal_gateway": _("gateway of a terminal"),
    "terminal_profile": _("profile of a terminal"),
    "tier": _("tier"),
    "transfer": _("transfer"),
    "transfer_step": _("step of a transfer"),
    "transfer_terminal": _("terminal in a transfer"),
    "user_account": _("user"),
    "wire_name": _("wire name"),
}

DEEDS = {"insert": _("added"), "update": _("changed"), "delete": _("removed")}

# Where thing and deed together have a word of their own.
ACTIONS = {
    "many": _("many more attempts"),
    "api_key.insert": _("API key issued"),
    "certificate.insert": _("certificate of a terminal issued"),
    "credential.insert": _("password of a terminal issued"),
    "credential.delete": _("password of a terminal revoked"),
    "export.ask": _("export asked for"),
    "export.delete": _("export cancelled or deleted"),
    "export.fail": _("export failed"),
    "export.fetch": _("file of an export fetched"),
    "export.finish": _("export written"),
    "import.apply": _("import applied"),
    "import.ask_apply": _("import to be applied"),
    "import.ask_undo": _("import to be undone"),
    "import.cancel": _("import given up"),
    "import.passwords": _("passwords of an import fetched"),
    "import.send": _("file of an import sent"),
    "import.undo": _("import undone"),
    "terminal.insert": _("terminal registered"),
    "transfer.insert": _("transfer proposed"),
    "user_account.insert": _("user appointed"),
    "user_session.insert": _("signed in"),
    "user_session.update": _("sign-in renewed or its second factor given"),
    "user_session.delete": _("signed out or ended"),
}

# Why something was refused, by the stable code of the problem.
REASONS = {
    "api_key_not_found": _("no such key, or not theirs"),
    "code_wrong": _("wrong code of a second factor"),
    "collection_not_found": _("no such collection, or not theirs"),
    "cross_site": _("asked for by a page of another site"),
    "group_client_not_found": _("no such group client, or not theirs"),
    "many": _("more of them than are told one by one"),
    "not_found": _("no such thing, or not theirs"),
    "not_permitted": _("the role does not include it"),
    "not_signed_in": _("wrong name, password, key or session"),
    "own_account": _("the own account"),
    "password_wrong": _("wrong present password"),
    "rate_limited": _("more often than allowed"),
    "reach_exceeded": _("more than their own reach"),
    "second_factor_needed": _("no second factor yet"),
    "terminal_not_found": _("no such terminal, or not theirs"),
    "too_many_attempts": _("too many failed attempts"),
    "evidence_missing": _("nothing to show for the client's consent"),
    "nothing_to_agree": _("nothing that waits for their consent"),
    "terminal_in_transfer": _("in another open transfer"),
    "transfer_not_found": _("no such transfer, or not theirs"),
    "transfer_over": _("the transfer is over"),
    "transfer_refused": _("a transfer that cannot be"),
    "transition_refused": _("the state does not allow it"),
    "user_not_found": _("no such user, or not theirs"),
    "version_changed": _("changed by somebody else meanwhile"),
}


def parts(action: str) -> tuple[str, str] | None:
    """Thing and deed of a change, to be translated; None for an attempt, which is an address."""
    thing, _dot, deed = action.partition(".")
    return (THINGS[thing], DEEDS[deed]) if thing in THINGS and deed in DEEDS else None


_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d")


def instant(value: object) -> datetime | None:
    """The time that a column holds, if it holds one."""
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return datetime.fromisoformat(value)
    return None


def plain(value: object, names: Mapping[int, str]) -> str:
    """A column's value in one line; what is a number of something by the name it has here."""
    if isinstance(value, list):
        return ", ".join(plain(each, names) for each in value)
    if isinstance(value, str):
        return value
    if isinstance(value, int) and value in names:
        return names[value]
    return json.dumps(value, ensure_ascii=False)
