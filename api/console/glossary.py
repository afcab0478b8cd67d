"""The terms of the trade, each in a sentence, for where it first stands on a page.

`_` only marks: what is marked here is extracted into the catalogues and translated in templates.
"""


def _(text: str) -> str:
    return text


TERMS: dict[str, tuple[str, str]] = {
    "terminal": (
        _("Terminal"),
        _("The device, which stays the same when its hardware or its SIM is changed."),
    ),
    "state": (
        _("State"),
        _(
            "Where a terminal is in its life."
            " Only one in service counts in rates and raises alarms."
        ),
    ),
    "data": (
        _("Data"),
        _("Whether data comes as often as expected: another thing than an open session."),
    ),
    "silent": (
        _("Silent"),
        _("In service, without data for longer than its profile and its owner's tier allow."),
    ),
    "session": (
        _("Session"),
        _("Whether the terminal is connected to the broker, as it or its last will told."),
    ),
    "profile": (
        _("Device profile"),
        _("What a kind of terminal measures: its metrics, their units and how often they come."),
    ),
    "completeness": (
        _("Completeness"),
        _("How much of what was expected came and was stored, with what was late or refused."),
    ),
    "sim_state": (
        _("SIM state"),
        _("Where a SIM is in its life. Beside it stands who set it and why."),
    ),
    "period": (
        _("Test and silent period"),
        _("A time in which a SIM is tried, or ready without being paid for; it ends by itself."),
    ),
    "binding": (
        _("Binding"),
        _("The rule that a SIM may work in some hardware only."),
    ),
    "verdict": (
        _("Verdict"),
        _("Whether a SIM is where its rule wants it; unproven while its terminal has not said."),
    ),
    "client": (
        _("Group client"),
        _("An enterprise that owns terminals; it has a file, a tier and a supervising region."),
    ),
    "file": (
        _("File"),
        _("What is known of a client: surveyed, filed, then verified by somebody else."),
    ),
    "standing": (
        _("Standing"),
        _("Prospect, customer or lost: another thing than how far its file is."),
    ),
    "tier": (
        _("Tier"),
        _("The level of service: how many terminals, how fast, how far back, how soon answered."),
    ),
    "supervision": (
        _("Supervised by"),
        _("The region that sees the client's file and all its terminals."),
    ),
    "quarantine": (
        _("Quarantine"),
        _("What could not be stored is kept here as it came, with the reason, to be taken again."),
    ),
    "transfer": (
        _("Transfer"),
        _("Terminals go to another owner when both sides have agreed; each sees its own time."),
    ),
    "import": (
        _("Import"),
        _("A file is checked row by row before anything is changed, and can be taken back."),
    ),
    "collection": (
        _("Collection"),
        _("A set of terminals, by hand or by a query."),
    ),
    "package": (
        _("Package"),
        _("A tier and device profiles that a client gets in one step."),
    ),
    "book": (
        _("Book"),
        _("What there is to do and to see of the clients that somebody serves."),
    ),
    "storm": (
        _("Storm"),
        _("Many alike at once: counted together, so that one line says what thousands would."),
    ),
    "alarm": (
        _("Alarm"),
        _("A rule that is broken at a terminal, until it is over; one for each terminal and rule."),
    ),
    "severity": (
        _("Severity"),
        _("How grave an alarm is, from critical to warning; some are for the record only."),
    ),
    "audit": (
        _("Audit"),
        _("Who changed what and who was refused, in entries that nobody alters."),
    ),
    "hold": (
        _("Legal hold"),
        _("What was measured is not dropped, however old, until the hold is lifted."),
    ),
}  # fmt: skip
