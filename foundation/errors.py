"""The one root of all errors, and the three families the doors translate.

An error is one sentence and a remedy; its data are attributes. HTTP statuses are chosen in
`api/problems.py`, exit codes in `deploy/cli/app.py`, nowhere else.
"""

from typing import ClassVar


class MusterError(Exception):
    """Something went wrong in Muster."""

    code: ClassVar[str] = "internal_error"
    remedy: ClassVar[str] = "See the log of the process for what happened."

    def __init__(self, message: str | None = None, *, remedy: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0])
        self.hint = remedy or self.remedy

    def __str__(self) -> str:
        return str(self.args[0])


class NotFound(MusterError):
    """There is no such thing, or it is not yours to see."""

    code = "not_found"
    remedy = "Check the name, and whether it is in your scope."


class Refused(MusterError):
    """The state of things does not allow this."""

    code = "refused"
    remedy = "Change the state that stands in the way, then try again."


class Invalid(MusterError):
    """The input cannot be accepted."""

    code = "invalid"
    remedy = "Correct the named field and send it again."

    def __init__(
        self, message: str | None = None, *, field: str | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.field = field


class NotPermitted(MusterError):
    """Your role does not have the right to do this."""

    code = "not_permitted"
    remedy = "Ask an administrator for a role that includes it."


class Unavailable(MusterError):
    """A part that this needs does not answer now."""

    code = "unavailable"
    remedy = "Try again in a moment; `muster status` shows what is down."


class TookTooLong(Unavailable):
    """The database did not finish this in time."""

    code = "took_too_long"
    remedy = "Ask for less (a shorter time, fewer metrics, a narrower filter), or later again."
