"""Secrets that everybody knows: what stands in examples, and what products come with."""

from ipaddress import ip_address

_KNOWN = frozenset(
    [
        "123456",
        "12345678",
        "admin",
        "change_me",
        "change-me",
        "changeit",
        "changeme",
        "default",
        "emqx",
        "example",
        "guest",
        "letmein",
        "mosquitto",
        "muster",
        "mysecretpassword",
        "pass",
        "password",
        "postgres",
        "public",
        "root",
        "secret",
        "test",
        "timescale",
        "timescaledb",
    ]
)


def opens_to_everybody(secret: str, host: str | None) -> bool:
    """Whether a known secret is all that keeps others out of a server over a network.

    On the machine itself, where a demonstration or a test may live with one, it is let be.
    """
    return secret.strip().lower() in _KNOWN and not _is_here(host)


def _is_here(host: str | None) -> bool:
    """Whether a host is this machine: none, a socket's directory, or a loopback address."""
    if not host or host.startswith("/"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
