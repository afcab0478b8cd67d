"""What a diagnosis says: of each verdict a sentence and what to do next, of each fact its name.

`_` only marks, as in `words`: programs get these texts in English, people in theirs.
"""

from telemetry.diagnosis import Fact, Verdict


def _(text: str) -> str:
    return text


SENTENCES = {
    Verdict.WELL: _("This terminal reports as expected."),
    Verdict.RETIRED: _(
        "This terminal is retired: it may not connect, and its past stays readable."
    ),
    Verdict.ONLY_REGISTERED: _("This terminal may not connect yet: it is only registered."),
    Verdict.ISOLATED: _(
        "This terminal is isolated: it is heard, but everything it says goes to quarantine."
    ),
    Verdict.PLATFORM_FAULT: _("Muster itself is not listening: nobody can tell who is silent."),
    Verdict.MAINTENANCE: _("This terminal is in maintenance."),
    Verdict.PAUSED: _("This terminal said that it would pause."),
    Verdict.NOT_COUNTED: _(
        "Data arrives. In this state the terminal does not count in rates and raises no alarms."
    ),
    Verdict.SIM_CARRIES_NOTHING: _("Its SIM carries no data in its present state."),
    Verdict.SIM_PERIOD_OVER: _("The test or silent period of its SIM is over."),
    Verdict.RIVAL_SIM: _("Another operator's SIM is in the terminal."),
    Verdict.SEPARATION: _("Its SIM and its hardware are not the ones that belong together."),
    Verdict.CLOCK_WRONG: _("What it sends is refused: its clock is wrong."),
    Verdict.MESSAGES_REFUSED: _("Messages arrive, and all of them are refused."),
    Verdict.PARTLY_REFUSED: _("Data arrives, but some of what it sends is refused."),
    Verdict.WRONG_APN: _("It uses another APN than its SIM has."),
    Verdict.REGIONAL_OUTAGE: _("It fell silent together with many others."),
    Verdict.CREDENTIAL_MISSING: _(
        "It has no credential in force: neither a password nor a certificate."
    ),
    Verdict.CREDENTIAL_REPLACED: _(
        "It got a new password after it was last heard, and was not heard since."
    ),
    Verdict.NEVER_CONNECTED: _("Nothing has arrived from this terminal yet."),
    Verdict.SESSION_WITHOUT_DATA: _("It is connected, but sends no data."),
    Verdict.SESSION_LOST: _("Its connection ended, and it did not come back."),
    Verdict.SILENT: _("It is silent, and nothing on record says why."),
}
NEXT_STEPS = {
    Verdict.WELL: None,
    Verdict.RETIRED: None,
    Verdict.ONLY_REGISTERED: _(
        "Next: provision it or put it into testing; it is let in within seconds."
    ),
    Verdict.ISOLATED: _(
        "Next: look at its refused messages below, then let it return to the state it was in."
    ),
    Verdict.PLATFORM_FAULT: _("Next: see the health of bridge, broker and jobs."),
    Verdict.MAINTENANCE: _("Next: put it back into service when the work is done."),
    Verdict.PAUSED: _("Next: wait until the pause is over; it will say so itself."),
    Verdict.NOT_COUNTED: _("Next: put it into service when the installation is accepted."),
    Verdict.SIM_CARRIES_NOTHING: _("Next: see the SIM and why it is so; activate it or change it."),
    Verdict.SIM_PERIOD_OVER: _("Next: activate the SIM, or give it a later end."),
    Verdict.RIVAL_SIM: _("Next: visit the site, and talk to the client."),
    Verdict.SEPARATION: _("Next: see the binding; approve the change, or have it undone on site."),
    Verdict.CLOCK_WRONG: _("Next: set its clock, or have it take the time of the network."),
    Verdict.MESSAGES_REFUSED: _("Next: see the reasons below; mend the profile or the terminal."),
    Verdict.PARTLY_REFUSED: _(
        "Next: see the reasons below; good values of the same messages are stored."
    ),
    Verdict.WRONG_APN: _("Next: configure the APN of the SIM in the terminal."),
    Verdict.REGIONAL_OUTAGE: _(
        "Next: look at what they share, and ask the network's operation centre."
    ),
    Verdict.CREDENTIAL_MISSING: _("Next: issue a credential and configure it in the terminal."),
    Verdict.CREDENTIAL_REPLACED: _("Next: configure the new password in the terminal."),
    Verdict.NEVER_CONNECTED: _(
        "Next: let it publish with its code as user name, or try it from here:"
    ),
    Verdict.SESSION_WITHOUT_DATA: _("Next: restart its application; its line works."),
    Verdict.SESSION_LOST: _("Next: check power and signal on site; nothing on record is wrong."),
    Verdict.SILENT: _("Next: check power and signal on site; nothing on record is wrong."),
}
TONES = {
    **dict.fromkeys(Verdict, "bad"),
    Verdict.WELL: "ok",
    **dict.fromkeys(
        (Verdict.RETIRED, Verdict.ONLY_REGISTERED, Verdict.NOT_COUNTED, Verdict.PAUSED), "mute"
    ),
    **dict.fromkeys((Verdict.MAINTENANCE, Verdict.PARTLY_REFUSED, Verdict.NEVER_CONNECTED), "warn"),
}
FACTS = {
    Fact.STATE: _("State"),
    Fact.LISTENING: _("Known until"),
    Fact.LAST_DATA: _("Last data"),
    Fact.SESSION: _("Session"),
    Fact.PAUSE: _("Pause"),
    Fact.SIM_STATE: _("SIM"),
    Fact.SIM_PERIOD: _("Period of the SIM until"),
    Fact.BINDING: _("Binding"),
    Fact.APN: _("APN of the SIM"),
    Fact.APN_HEARD: _("APN as it says"),
    Fact.REFUSED: _("Refused last"),
    Fact.CREDENTIAL: _("Credential"),
    Fact.CITY: _("Fell silent in its city then"),
    Fact.STORM: _("Part of a storm"),
    Fact.WINDOW: _("Maintenance window"),
    Fact.NOT_YOURS: _("Not yours to see"),
}
