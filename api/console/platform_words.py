"""What the console says of the platform's own parts."""


def _(text: str) -> str:
    return text


KINDS = {
    "bridge": _("takes messages from the broker"),
    "jobs": _("background work: presence, alarms, imports, exports"),
    "api": _("console and API"),
    "accounts": _("tells the broker who may connect"),
    "cli": _("a command of an administrator"),
    "migrate": _("brings the schema up to date"),
}

EDITIONS = {
    "apache": _("Apache edition: old readings are not compressed"),
    "timescale": _("Timescale edition: old readings are compressed"),
}
