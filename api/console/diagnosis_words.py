"""What a diagnosis says: of each verdict a sentence and what to do next, of each fact its name.

`_` only marks, as in `words`: programs get these texts in English, people in theirs.
"""

from telemetry.diagnosis import Cause, Fact


def _(text: str) -> str:
    return text


SENTENCES = {
    Cause.WELL: _("This terminal reports as expected."),
    Cause.RETIRED: _("This terminal is retired: it may not connect, and its past stays readable."),
    Cause.ONLY_REGISTERED: _("This terminal may not connect yet: it is only registered."),
    Cause.ISOLATED: _(
        "This terminal is isolated: it is heard, but everything it says goes to quarantine."
    ),
    Cause.PLATFORM_FAULT: _("Muster itself is not listening: nobody can tell who is silent."),
    Cause.MAINTENANCE: _("This terminal is in maintenance."),
    Cause.PAUSED: _("This terminal said that it would pause."),
    Cause.NOT_COUNTED: _(
        "Data arrives. In this state the terminal does not count in rates and raises no alarms."
    ),
    Cause.SIM_CARRIES_NOTHING: _("Its SIM carries no data in its present state."),
    Cause.SIM_PERIOD_OVER: _("The test or silent period of its SIM is over."),
    Cause.RIVAL_SIM: _("Another operator's SIM is in the terminal."),
    Cause.SEPARATION: _("Its SIM and its hardware are not the ones that belong together."),
    Cause.CLOCK_WRONG: _("What it sends is refused: its clock is wrong."),
    Cause.MESSAGES_REFUSED: _("Messages arrive, and all of them are refused."),
    Cause.PARTLY_REFUSED: _("Data arrives, but some of what it sends is refused."),
    Cause.WRONG_APN: _("It uses another APN than its SIM has."),
    Cause.CREDENTIAL_REFUSED: _(
        "The broker does not let it in: somebody in its name shows what is not in force."
    ),
    Cause.REGIONAL_OUTAGE: _("It fell silent together with many others."),
    Cause.CREDENTIAL_MISSING: _(
        "It has no credential in force: neither a password nor a certificate."
    ),
    Cause.CREDENTIAL_REPLACED: _(
        "It got a new password after it was last heard, and was not heard since."
    ),
    Cause.NEVER_CONNECTED: _("Nothing has arrived from this terminal yet."),
    Cause.SESSION_WITHOUT_DATA: _("It is connected, but sends no data."),
    Cause.SESSION_LOST: _("Its connection ended, and it did not come back."),
    Cause.SILENT: _("It is silent, and nothing on record says why."),
}
NEXT_STEPS = {
    Cause.WELL: None,
    Cause.RETIRED: None,
    Cause.ONLY_REGISTERED: _(
        "Next: provision it or put it into testing; it is let in within seconds."
    ),
    Cause.ISOLATED: _(
        "Next: look at its refused messages below, then let it return to the state it was in."
    ),
    Cause.PLATFORM_FAULT: _("Next: see the health of bridge, broker and jobs."),
    Cause.MAINTENANCE: _("Next: put it back into service when the work is done."),
    Cause.PAUSED: _("Next: wait until the pause is over; it will say so itself."),
    Cause.NOT_COUNTED: _("Next: put it into service when the installation is accepted."),
    Cause.SIM_CARRIES_NOTHING: _("Next: see the SIM and why it is so; activate it or change it."),
    Cause.SIM_PERIOD_OVER: _("Next: activate the SIM, or give it a later end."),
    Cause.RIVAL_SIM: _("Next: visit the site, and talk to the client."),
    Cause.SEPARATION: _("Next: see the binding; approve the change, or have it undone on site."),
    Cause.CLOCK_WRONG: _("Next: set its clock, or have it take the time of the network."),
    Cause.MESSAGES_REFUSED: _("Next: see the reasons below; mend the profile or the terminal."),
    Cause.PARTLY_REFUSED: _(
        "Next: see the reasons below; good values of the same messages are stored."
    ),
    Cause.WRONG_APN: _("Next: configure the APN of the SIM in the terminal."),
    Cause.CREDENTIAL_REFUSED: _(
        "Next: compare client id and password in the terminal; issue a new one if in doubt."
    ),
    Cause.REGIONAL_OUTAGE: _(
        "Next: look at what they share, and ask the network's operation centre."
    ),
    Cause.CREDENTIAL_MISSING: _("Next: issue a credential and configure it in the terminal."),
    Cause.CREDENTIAL_REPLACED: _("Next: configure the new password in the terminal."),
    Cause.NEVER_CONNECTED: _(
        "Next: let it publish with its code as user name, or try it from here:"
    ),
    Cause.SESSION_WITHOUT_DATA: _("Next: restart its application; its line works."),
    Cause.SESSION_LOST: _("Next: check power and signal on site; nothing on record is wrong."),
    Cause.SILENT: _("Next: check power and signal on site; nothing on record is wrong."),
}
TONES = {
    **dict.fromkeys(Cause, "bad"),
    Cause.WELL: "ok",
    **dict.fromkeys(
        (Cause.RETIRED, Cause.ONLY_REGISTERED, Cause.NOT_COUNTED, Cause.PAUSED), "mute"
    ),
    **dict.fromkeys((Cause.MAINTENANCE, Cause.PARTLY_REFUSED, Cause.NEVER_CONNECTED), "warn"),
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
    Fact.CREDENTIAL_REFUSED: _("Not let in last"),
    Fact.TIMES_REFUSED: _("How often since"),
    Fact.STORM: _("Part of a storm"),
    Fact.WINDOW: _("Maintenance window"),
    Fact.NOT_YOURS: _("Not yours to see"),
}
