"""What can go wrong at the web's own door, before a verb is called."""

from foundation.errors import Invalid, MusterError, NotFound, NotPermitted, Refused


class TooManyAttempts(MusterError):
    """Too many sign-ins failed; the next one is accepted after `wait_seconds`."""

    code = "too_many_attempts"
    remedy = "Wait as long as the answer's Retry-After says, then try again."

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(f"Too many sign-ins failed; try again in {wait_seconds} s.")
        self.wait_seconds = wait_seconds


class CrossSite(NotPermitted):
    """A page of another site asked for this change."""

    code = "cross_site"
    remedy = "Open the console itself and repeat the action there."


class InsecureChannel(Refused):
    """A password or session must not cross a network without TLS."""

    code = "insecure_channel"
    remedy = "Use https, or open the console on the machine itself."


class QueryUnknown(Invalid):
    """The query names a parameter that this address does not have, or names one twice."""

    code = "query_unknown"
    remedy = "Remove the named parameters; /openapi.json lists the ones there are."

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"This address takes no such query parameter: {', '.join(names)}.")
        self.names = names


class VersionChanged(Refused):
    """Somebody else changed it since you read it."""

    code = "version_changed"
    remedy = "Read it again, look at what changed, then send the new ETag in If-Match."


class IdempotencyKeyInvalid(Invalid):
    """An Idempotency-Key has 16 to 128 visible ASCII characters."""

    code = "idempotency_key_invalid"
    remedy = "Take a fresh random UUID for each creation."


class NoSuchAddress(NotFound):
    """There is nothing at this address."""

    code = "no_such_address"
    remedy = "See /openapi.json for the addresses of the API."
