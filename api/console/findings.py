"""What is wrong with a row of a file, or with a file: a sentence for each code.

`_` only marks: what is marked here is extracted into the catalogues and translated in templates.
"""

from collections.abc import Callable

from registry.imports.model import Finding, ImportState, RowOutcome


def _(text: str) -> str:
    return text


ROWS = {
    "required": _("This cell must be filled in."),
    "too_long": _("The text is too long."),
    "too_many_words": _("There are more than 16 words."),
    "unstorable": _("The text holds a line break or a character that cannot be stored."),
    "cell_too_large": _("The cell is far larger than anything that belongs into it."),
    "unknown_word": _("“%(value)s” is none of the words that this column takes."),
    "no_number": _("“%(value)s” is no number."),
    "out_of_range": _("%(value)s is outside of what is possible."),
    "number_mangled": _(
        "A spreadsheet has rounded this number to %(value)s: format the column as text and enter"
        " its digits again."
    ),
    "number_with_decimals": _("A spreadsheet has written %(value)s; it was read as whole."),
    "too_many_cells": _("The row has more cells than the header."),
    "column_unknown": _("There is no column “%(value)s”."),
    "column_twice": _("The row gives this column twice."),
    "code_invalid": _("“%(value)s” is no code: 1 to 64 letters, digits, - and _."),
    "imei_invalid": _("“%(value)s” is no IMEI, which has 15 digits."),
    "imei_check_digit": _("The last digit of the IMEI %(value)s does not fit: one was mistyped."),
    "iccid_invalid": _("“%(value)s” is no ICCID: 18 to 20 characters that begin with 89."),
    "iccid_odd": _("The check digit of the ICCID %(value)s does not fit; some cards are so."),
    "imsi_invalid": _("“%(value)s” is no IMSI, which has 15 digits."),
    "msisdn_invalid": _("“%(value)s” is no number of a SIM, which has 11 or 13 digits."),
    "eid_invalid": _("“%(value)s” is no EID, which has 32 digits."),
    "eid_check_digit": _("The last digits of the EID %(value)s do not fit: one was mistyped."),
    "wire_name_invalid": _("“%(value)s” is no wire name, such as meter_address:000012345678."),
    "wire_name_taken": _("Another terminal calls itself so: %(value)s."),
    "profile_not_found": _("There is no device profile “%(value)s”."),
    "region_not_found": _("There is no region “%(value)s”."),
    "group_client_not_found": _("There is no group client “%(value)s”, or it is not yours to see."),
    "gateway_not_found": _("There is no gateway “%(value)s”, neither on the roll nor above."),
    "gateway_unfit": _("The gateway %(value)s is itself behind another one, or retired."),
    "gateway_is_itself": _("A terminal cannot be its own gateway."),
    "out_of_reach": _("The region %(value)s is outside of what you may change."),
    "twice_in_file": _("The same stands in row %(value)s."),
    "code_taken": _("Another terminal has the code %(value)s."),
    "differs": _("It is on the roll with another value: %(value)s."),
    "imei_taken": _("Another terminal has the IMEI %(value)s."),
    "sim_taken": _("The number %(value)s is of a SIM that is on the roll already."),
    "sim_of_another_network": _("The IMSI is not of the home operator's networks."),
    "sim_of_another_owner": _("The SIM belongs to another owner than the terminal's."),
    "sim_not_found": _("There is no SIM %(value)s, or it is not yours to see."),
    "bound_otherwise": _(
        "The SIM is bound by another rule (%(value)s); what replaces one goes by request."
    ),
    "rule_incomplete": _("The numbers do not go with the mode %(value)s."),
    "period_over": _("%(value)s has passed."),
    "period_order": _("The silent period ends before the test period."),
    "no_time": _("“%(value)s” is no day, such as 2027-03-31."),
    "tac_invalid": _("“%(value)s” is no type allocation code, which has 8 digits."),
    "file_not_verified": _(
        "The owner's file is not verified (%(value)s): no terminal of it comes into service."
    ),
    "file_unverified": _("The owner's file is not verified (%(value)s)."),
    "terminal_quota_reached": _("The owner's tier allows %(value)s terminals, and no more."),
    "quota_near": _("With this row the owner has four fifths of the %(value)s that it may have."),
    "sim_is_elsewhere": _("The SIM is in the terminal %(value)s; take it out there first."),
    "changes": _("This changes; it is on the roll with: %(value)s."),
    "group_client_code_taken": _("Another group client has the code %(value)s."),
    "credit_code_invalid": _(
        "“%(value)s” is no unified social credit code: 18 characters, the last of which checks the"
        " others."
    ),
    "credit_code_taken": _("Another group client has the credit code %(value)s."),
    "industry_not_found": _("There is no industry “%(value)s”."),
    "tier_not_found": _("There is no tier “%(value)s”."),
    "file_closed": _("The file of the client %(value)s is closed: have an operator reopen it."),
    "parent_not_found": _(
        "There is no group client “%(value)s” to be below, neither on the roll and yours to see nor"
        " in a right row of the file."
    ),
    "parent_cycle": _("Below %(value)s the client would be below itself."),
    "parent_left_out": _(
        "The client %(value)s, which this one was to be below, was left out: it is below none."
    ),
    "contact_invalid": _(
        "“%(value)s” is no contact: name|role|telephone|mail, several parted by semicolons."
    ),
    "too_many_contacts": _("There are more than 10 contacts."),
    "person_cannot_serve": _("There is no “%(value)s” in force with this role."),
    "too_far_ahead": _("%(value)s is more than a year ahead."),
    "hand_over_planned": _(
        "The client is going to be handed over to %(value)s already: call that off first."
    ),
    "serves_already": _("%(value)s serves the client already."),
    "hand_over_too_early": _(
        "Who serves the client, or did last, did so until or since %(value)s."
    ),
    "taken_over": _("The client is taken over from %(value)s."),
}

FILES = {
    "encoding_utf16": _("The file is UTF-16 text; save it as CSV UTF-8 or as a workbook."),
    "encoding_unknown": _(
        "Line %(row)s is neither UTF-8 nor GB18030; save the file anew as UTF-8."
    ),
    "not_text": _("Line %(row)s holds bytes that are no text."),
    "header_missing": _("The first row has no titles of columns."),
    "column_unknown": _("The title “%(column)s” is none of a column."),
    "column_twice": _("The column “%(column)s” is there twice."),
    "column_missing": _("The column “%(column)s” is missing."),
    "too_many_columns": _("The file has too many columns."),
    "too_many_rows": _("The file has more than 1,048,576 rows."),
    "no_rows": _("The file has no rows below its titles."),
    "record_malformed": _("Row %(row)s cannot be read."),
    "cell_too_large": _(
        "The cell in row %(row)s, column %(column)s is far larger than anything that belongs there."
    ),
    "workbook_broken": _("The file is no workbook that can be read."),
    "workbook_locked": _("The workbook is locked with a password."),
    "workbook_too_large": _("The workbook unpacks to more than is accepted; send it as CSV."),
    "rows_wrong": _("Nothing was applied, because some rows are wrong."),
    "not_permitted": _("A column of the file needs a right that your role does not have."),
    "asker_gone": _("The account that asked for it is not in force any more."),
    "secret_key_missing": _(
        "Passwords cannot be kept here: the deployment has no key to seal them."
    ),
    "begun_too_often": _("It was begun again and again without coming to an end."),
}
UNFORESEEN = _("Something unforeseen went wrong; the log of the jobs process says what.")

KEPT = {
    "gone": _("it is not on the roll any more"),
    "heard": _("something came from it, or it signed in"),
    "changed": _("it was changed since"),
    "transferred": _("it changed its owner"),
    "credential_changed": _("its password was changed or revoked"),
    "sim_changed": _("its SIM was changed or taken out"),
    "installed": _("it is, or was, in a terminal"),
    "bound": _("a binding was set for it"),
    "is_gateway": _("it speaks for others that stay"),
    "referred_to": _("something else refers to it"),
    "is_parent": _("others are below it that stay"),
    "served": _("somebody serves it"),
    "worked": _("who serves it has filed or verified something since"),
    "former_gone": _("who served it before cannot serve any more"),
}


STATES = {
    ImportState.WAITING: _("waits to be checked"),
    ImportState.CHECKING: _("is being checked"),
    ImportState.CHECKED: _("checked"),
    ImportState.UNREADABLE: _("unreadable"),
    ImportState.APPLYING: _("is being applied"),
    ImportState.APPLIED: _("applied"),
    ImportState.REFUSED: _("not applied"),
    ImportState.UNDOING: _("is being undone"),
    ImportState.UNDONE: _("undone"),
    ImportState.CANCELLED: _("given up"),
}
STATE_TONES = {
    ImportState.WAITING: "mute",
    ImportState.CHECKING: "mute",
    ImportState.CHECKED: "warn",
    ImportState.UNREADABLE: "bad",
    ImportState.APPLYING: "warn",
    ImportState.APPLIED: "ok",
    ImportState.REFUSED: "bad",
    ImportState.UNDOING: "warn",
    ImportState.UNDONE: "mute",
    ImportState.CANCELLED: "mute",
}

OUTCOMES = {
    RowOutcome.WRONG: _("wrong"),
    RowOutcome.NEW: _("ready"),
    RowOutcome.CREATED: _("put on the roll"),
    RowOutcome.CHANGED: _("changed"),
    RowOutcome.UNCHANGED: _("unchanged"),
    RowOutcome.UNDONE: _("taken back"),
    RowOutcome.KEPT: _("stays"),
}
OUTCOME_TONES = {
    RowOutcome.WRONG: "bad",
    RowOutcome.NEW: "ok",
    RowOutcome.CREATED: "ok",
    RowOutcome.CHANGED: "ok",
    RowOutcome.UNCHANGED: "mute",
    RowOutcome.UNDONE: "mute",
    RowOutcome.KEPT: "warn",
}

KINDS = {
    "terminals": _("Terminals"),
    "sims": _("SIMs"),
    "bindings": _("SIM bindings"),
    "clients": _("Group clients"),
    "assignments": _("Who serves whom"),
}


def of_row(finding: Finding, told: Callable[[str], str] = _) -> str:
    """The sentence of a finding, in the language of `told`."""
    return told(ROWS[finding.code]) % {"value": finding.value or "–"}


def of_file(
    problem: str, row: int | None, column: str | None, told: Callable[[str], str] = _
) -> str:
    """The sentence of what is wrong with a file, in the language of `told`."""
    return told(FILES.get(problem, UNFORESEEN)) % {"row": row or "?", "column": column or "?"}
