"""What stands in a form's way, of the things of the fleet: what is wrong, and what to do.

`_` only marks, as in `words`.
"""


def _(text: str) -> str:
    return text


PROBLEMS = {
    "address_refused": _(
        "Nothing may be sent to this address: give an https:// address on the public internet, or"
        " have its network allowed."
    ),
    "alarm_of_others": _(
        "The alarm is of many terminals, and not all of them are yours: look after the alarms of"
        " your own under it."
    ),
    "assignment_begun": _(
        "Only what lies ahead can be called off: hand the client over to whoever is to serve it."
    ),
    "binding_kept": _("What was a rule stays on record: set a new one, it holds from now on."),
    "channel_has_no_secret": _(
        "A channel of this kind has no secret of ours: change it where the channel leads, then"
        " give it here."
    ),
    "channel_owner_missing": _("Name one of your group clients: whose is the channel to be?"),
    "credentials_handed_out": _(
        "The passwords of this transfer were handed out already, which is done once: issue new"
        " ones for the terminals whose password was lost."
    ),
    "cross_site": _(
        "A page of another site asked for this change: open the console itself and repeat it there."
    ),
    "cursor_invalid": _("This page of the list is not there any more: begin with the first one."),
    "day_invalid": _("There is no such day: give it as 2026-11-23."),
    "day_not_taken": _(
        "No figures of this day were taken: choose another one, or look at the present."
    ),
    "file_empty": _("The file is empty: send one with a header and at least one row."),
    "file_too_large": _("The file is larger than is accepted: send it in several files."),
    "import_busy": _(
        "In the state that the import is in, this cannot be done: wait until it is checked or"
        " applied."
    ),
    "import_kind_unknown": _("Files of this kind cannot be imported: choose one of the kinds."),
    "no_certificate_authority": _(
        "This deployment has no authority that signs certificates: an administrator makes one with"
        " `muster ca init`."
    ),
    "nothing_to_replay": _(
        "No refused message fits: what is resolved is left out; try fewer filters."
    ),
    "own_request": _("Nobody decides the own request: ask a colleague; you can withdraw it."),
    "passwords_gone": _(
        "There are no passwords to be fetched: they were fetched, or their time is over. Issue new"
        " ones for each terminal."
    ),
    "period_over": _(
        "The period that would begin has ended already: give it a later end first, or none."
    ),
    "period_past": _(
        "A period ends in time to come: give a later end, or put the SIM into its next state."
    ),
    "periods_disordered": _("The silent period cannot end before the test period."),
    "query_too_costly": _(
        "More would have to be read than one question may take: ask for less, or have it exported."
    ),
    "reason_missing": _("Say why: give a reason of 1 to 500 characters."),
    "sim_is_installed": _(
        "A SIM in a terminal belongs to the terminal's owner: remove it first, or transfer the"
        " terminal with it."
    ),
    "sim_not_installed": _("The SIM is in no terminal: there is nothing to remove."),
    "sim_of_another_network": _(
        "The IMSI is of another operator's network, and this deployment takes none of those: check"
        " the IMSI."
    ),
    "sim_of_another_owner": _(
        "The SIM belongs to another client than the terminal: give it the terminal's owner first."
    ),
    "sim_taken": _(
        "A SIM with this ICCID, IMSI or MSISDN is on the roll already: find it by its number."
    ),
    "took_too_long": _(
        "The database did not finish this in time: ask for less, such as a shorter time or a"
        " narrower filter, or try again later."
    ),
    "too_many_channels": _(
        "There are as many channels as one owner may have: remove one that is not used."
    ),
    "too_many_points": _(
        "That is more than anybody can look at: choose a shorter time or a longer step."
    ),
    "too_many_readings": _(
        "More would have to be read than one answer may take: choose a shorter time, or have it"
        " exported."
    ),
    "terminal_code_taken": _("Another terminal has this code: choose another one, or look at it."),
    "terminal_has_ended": _("A retired terminal never comes back: register a new one."),
    "terminal_has_sim": _("Another SIM is in the terminal: remove that one first."),
    "upload_too_slow": _(
        "The file did not come within 15 minutes: send it over a faster line, or in several files."
    ),
    "uploads_busy": _("Other files are coming in just now: try again in a moment."),
}
