"""Addresses as people write them on the command line."""

import ipaddress
from dataclasses import dataclass

from foundation.errors import Invalid


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; `port` None means: choose one."""

    host: str
    port: int | None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_everywhere(self) -> bool:
        """Whether it stands for every address of this machine."""
        return self.host in {"0.0.0.0", "::"}  # noqa: S104 - asked, not bound


def parse(text: str) -> Address:
    """`HOST:PORT`, `HOST`, `:PORT` (every address) or `[IPV6]:PORT`, else `Invalid`."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        colon, port = rest[:1], rest[1:]
        well_formed = bool(bracket) and (colon == ":" or not rest)
    else:
        host, colon, port = text.partition(":")
        well_formed = ":" not in port
    if not well_formed or (colon and not (port.isascii() and port.isdigit())) or text == "":
        raise _fault(text)
    number = int(port) if port else None
    if number is not None and not 1 <= number <= 65_535:
        raise _fault(text)
    return Address(host or "0.0.0.0", number)  # noqa: S104 - `:PORT` asks for it


def joined(host: str, port: int) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _fault(text: str) -> Invalid:
    return Invalid(
        f"{text!r} is not an address to listen on.",
        remedy="Write HOST:PORT, for example 0.0.0.0:8443 or [::1]:8080.",
    )
