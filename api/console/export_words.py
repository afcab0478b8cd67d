"""Exports as people read of them.

`_` only marks, as in `words`.
"""

from telemetry.exports.model import Content, ExportFormat, ExportState


def _(text: str) -> str:
    return text


STATES = {
    ExportState.QUEUED: _("waits"),
    ExportState.RUNNING: _("is written"),
    ExportState.DONE: _("ready to fetch"),
    ExportState.FAILED: _("failed"),
    ExportState.CANCELLED: _("cancelled"),
    ExportState.EXPIRED: _("expired"),
    ExportState.DELETED: _("deleted"),
}
TONES = {
    ExportState.QUEUED: "mute",
    ExportState.RUNNING: "warn",
    ExportState.DONE: "ok",
    ExportState.FAILED: "bad",
    ExportState.CANCELLED: "mute",
    ExportState.EXPIRED: "mute",
    ExportState.DELETED: "mute",
}
CONTENTS = {Content.READINGS: _("Readings"), Content.EVENTS: _("Events")}
FORMATS = {
    ExportFormat.CSV: "CSV (gzip)",
    ExportFormat.NDJSON: "NDJSON (gzip)",
    ExportFormat.PARQUET: "Parquet",
}
SPANS = {"1": _("24 hours"), "7": _("7 days"), "31": _("31 days"), "366": _("366 days")}
