"""What can go wrong at the web's own door, before a verb is called."""

from foundation.errors import Invalid, MusterError, NotFound, NotPermitted, Refused, Unavailable


class TooMany(MusterError):
    """Too much was asked; the next is accepted after `wait_seconds`."""

    code = "too_many"
    remedy = "Wait as long as the answer's Retry-After says, then try again."

    def __init__(self, message: str, wait_seconds: int) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class TooManyAttempts(TooMany):
    """Too many sign-ins failed."""

    code = "too_many_attempts"

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(f"Too many sign-ins failed; try again in {wait_seconds} s.", wait_seconds)


class RateExceeded(TooMany):
    """More is asked than anybody may; `limit` says which bucket is empty."""

    code = "rate_limited"

    def __init__(self, limit: str, wait_seconds: int) -> None:
        super().__init__(
            f"You ask more than the limit `{limit}` allows; try again in {wait_seconds} s.",
            wait_seconds,
        )
        self.limit = limit


class TooManyStreams(TooMany):
    """As many live streams are open as one key or user, or one group client, may have."""

    code = "too_many_streams"
    remedy = "Close one of them, or follow more terminals with one stream."

    def __init__(self, most: int) -> None:
        super().__init__(f"You have {most} live streams open, which is all you may.", 10)


class StreamsFull(Unavailable):
    """This process has as many live streams open as it may."""

    code = "streams_full"
    remedy = "Try again in a moment, or read with /api/v1/telemetry/latest meanwhile."


class ScrapesFull(Unavailable):
    """Too many scrapes of group clients wait for their turn."""

    code = "scrapes_full"
    remedy = "Scrape less often, or spread the targets over more API processes."


class Stopping(Unavailable):
    """This process stops."""

    code = "stopping"
    remedy = "Open the stream again with the last id you got: another process goes on with it."


class ReaderTooSlow(MusterError):
    """You read more slowly than your terminals send, and what waited for you was let go."""

    code = "reader_too_slow"
    remedy = "Open the stream again with the last id you got: what was let go is read again."


class StreamDone(MusterError):
    """The stream has lasted as long as was asked."""

    code = "stream_done"
    remedy = "Open it again with the last id you got."


class ScopeChanged(MusterError):
    """What you may do or see has changed."""

    code = "scope_changed"
    remedy = "Open the stream again."


class Unreadable(MusterError):
    """The request cannot be read."""

    code = "request_unreadable"
    remedy = "Send it as /openapi.json describes it."


class HeaderInvalid(Unreadable):
    """A header cannot be what it is, or is given twice."""

    code = "header_invalid"
    remedy = "Send each header once; look at what stands between you and the API."


class HeadersTooLarge(MusterError):
    """The headers are larger than 32 KiB in all."""

    code = "headers_too_large"
    remedy = "Send fewer and smaller ones; a browser forgets cookies on request."


class BodyUnexpected(Unreadable):
    """This address takes no body."""

    code = "body_unexpected"
    remedy = "Send none; what it takes stands in its query, as /openapi.json describes."


class BodyUnreadable(Invalid):
    """The body is not JSON that can be read in one way only."""

    code = "json_invalid"
    remedy = "Send UTF-8 JSON in which each name occurs once, with finite numbers."


class MediaTypeUnsupported(MusterError):
    """This address takes a body of `application/json` in UTF-8, not encoded further."""

    code = "media_type_unsupported"
    remedy = "Send `Content-Type: application/json`, and no Content-Encoding."


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
    remedy = "Correct the named parameters; /openapi.json lists the ones there are."

    def __init__(self, names: list[str]) -> None:
        listed = ", ".join(names)
        super().__init__(f"This address takes no such query parameter, or takes it once: {listed}.")
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
