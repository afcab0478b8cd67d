"""What an address says of where it leads, by its text alone."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_safe_address(address: str) -> bool:
    """Whether it names a host over TLS, or over plain HTTP this machine; nothing but a path after.

    No name or password, no query, no fragment.
    """
    try:
        parts = urlsplit(address)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = has_port and not (parts.username or parts.password or parts.query or parts.fragment)
    if not plain or not parts.hostname or not address.isprintable() or " " in address:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


def is_loopback(host: str | None) -> bool:
    """Whether a host's name or address is this machine's own."""
    if host is None:
        return False
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
