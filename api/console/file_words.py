"""How the console tells of client files: their moves, policies and warnings.

`_` only marks, as in `words`.
"""

from registry.file_model import FilePolicy, FileWarning
from registry.model import FileState


def _(text: str) -> str:
    return text


MOVES = {
    FileState.SURVEYED: _("Reopen"),
    FileState.FILED: _("File it"),
    FileState.VERIFIED: _("Verify"),
    FileState.DUE: _("Have it verified anew"),
    FileState.CLOSED: _("Close the file"),
}

POLICIES = {
    FilePolicy.NONE: _("an unverified file changes nothing"),
    FilePolicy.WARN: _("an unverified file is warned of"),
    FilePolicy.HOLD_IN_TESTING: _("an unverified file holds terminals in testing"),
}

WARNINGS = {
    FileWarning.FILE_NOT_VERIFIED: _("The file is not verified."),
    FileWarning.QUOTA_NEAR: _("The terminals are nearly as many as the tier allows."),
}
OF_THE_OWNER = {
    FileWarning.FILE_NOT_VERIFIED: _("The owner's file is not verified."),
    FileWarning.QUOTA_NEAR: _("The owner has nearly as many terminals as its tier allows."),
}
