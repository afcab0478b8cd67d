"""How the console tells of client files, tiers and packages: their moves, policies and warnings.

`_` only marks, as in `words`.
"""

from registry.file_model import FilePolicy, FileWarning
from registry.model import FileState
from registry.package_model import PackageState


def _(text: str) -> str:
    return text


MOVES = {
    FileState.SURVEYED: _("Reopen"),
    FileState.FILED: _("File it"),
    FileState.VERIFIED: _("Verify"),
    FileState.DUE: _("Have it verified anew"),
    FileState.CLOSED: _("Close the file"),
}

PACKAGE_STATES = {
    PackageState.PLANNED: _("planned"),
    PackageState.IN_FORCE: _("in force"),
    PackageState.ENDED: _("ended"),
    PackageState.UNDONE: _("undone"),
    PackageState.CALLED_OFF: _("called off"),
}

POLICIES = {
    FilePolicy.NONE: _("an unverified file changes nothing"),
    FilePolicy.WARN: _("an unverified file is warned of"),
    FilePolicy.HOLD_IN_TESTING: _("an unverified file holds terminals in testing"),
}

WARNINGS = {
    FileWarning.FILE_NOT_VERIFIED: _("The file is not verified."),
    FileWarning.QUOTA_NEAR: _("The terminals are nearly as many as the tier allows."),
    FileWarning.MESSAGES_NEAR: _("Yesterday's messages were nearly as many as the tier allows."),
    FileWarning.BYTES_NEAR: _("Yesterday's bytes were nearly as many as the tier allows."),
    FileWarning.TRIAL_ENDING: _("The trial of the tier ends soon, or has ended."),
}
OF_THE_OWNER = {
    FileWarning.FILE_NOT_VERIFIED: _("The owner's file is not verified."),
    FileWarning.QUOTA_NEAR: _("The owner has nearly as many terminals as its tier allows."),
    FileWarning.MESSAGES_NEAR: _(
        "The owner's terminals send nearly as many messages as its tier allows."
    ),
    FileWarning.BYTES_NEAR: _(
        "The owner's terminals send nearly as many bytes as its tier allows."
    ),
    FileWarning.TRIAL_ENDING: _("The owner's trial of its tier ends soon, or has ended."),
}
