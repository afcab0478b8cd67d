"""Requests to addresses that others chose: never to where only we could get.

An address is held against the rules as text, and what its name leads to is held against them again
at the very connection that is made: what a name says between the two changes nothing. Redirects are
not followed, proxies of the environment not used, an answer is read to its first kilobytes.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import SplitResult, urlsplit

import httpcore

from foundation.errors import Invalid, Unavailable

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

EVERYWHERE: tuple[Network, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))
"""For addresses that the operator's own settings name."""

_PUBLIC_PORTS = (443, 8443)
_LONGEST = 2000
_CONNECT_SECONDS = 5
_PATIENCE_SECONDS = 10
_MOST_BYTES = 4096
_AT_ONCE = 64
_TRANSLATED = ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last four bytes


class AddressRefused(Invalid):
    """Nothing may be sent to this address."""

    code = "address_refused"
    remedy = "Give an https:// address on the public internet, or have its network allowed."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, field="address")


class TargetAway(Unavailable):
    """The target cannot be reached."""

    code = "target_away"


class TargetSlow(TargetAway):
    """The target does not answer in time."""

    code = "target_slow"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a target answered: its status, the beginning of the body, how long to wait."""

    status: int
    body: bytes
    retry_after: str | None


def parse(url: str) -> SplitResult:
    """The parts of an address that something could be sent to; AddressRefused by its text."""
    if len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        raise AddressRefused("An address is plain text of up to 2,000 characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("This is no address.") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or port == 0:
        raise AddressRefused("An address begins with https:// and names a host.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise AddressRefused("An address holds no name, no password and no fragment.")
    return parts


@lru_cache(maxsize=4)  # reading whom the system trusts takes a tenth of a second
def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """TLS with whom the system trusts, and whom that authority certifies."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


class Egress:
    """The way out: to the public internet by TLS, and anyhow to the networks that are allowed."""

    def __init__(self, allowed: Sequence[Network] = (), ca_file: Path | None = None) -> None:
        self._allowed = allowed
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trusting(ca_file),
            max_connections=_AT_ONCE,
            keepalive_expiry=30,
            network_backend=_Guarded(self),
        )

    async def close(self) -> None:
        """Let go of all connections."""
        await self._pool.aclose()

    async def check(self, url: str) -> SplitResult:
        """The parts of an address that may be sent to, as its name is resolved now.

        AddressRefused where it may not be; TargetAway where the name leads nowhere.
        """
        parts = parse(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = await self.resolve(parts.hostname or "", port)
        if parts.scheme == "http" and not all(map(self.is_allowed, found)):
            raise AddressRefused("Only https:// leads out.")
        return parts

    async def resolve(self, host: str, port: int) -> list[Address]:
        """What a name leads to, every address of it within the rules; AddressRefused if not."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                told = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, TimeoutError) as error:
            raise TargetAway("The name of the host leads nowhere.") from error
        found = [ip_address(str(at[4][0]).partition("%")[0]) for at in told]
        for address in found:
            if not self.is_allowed(address) and not (is_public(address) and port in _PUBLIC_PORTS):
                raise AddressRefused
        return found

    def is_allowed(self, address: Address) -> bool:
        """Whether it lies in a network that the operator allows."""
        return any(address in network for network in self._allowed)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """What the target answers to a POST, whatever it says; AddressRefused, TargetAway."""
        await self.check(url)
        patience = {"connect": _CONNECT_SECONDS, "read": _PATIENCE_SECONDS,
                    "write": _PATIENCE_SECONDS, "pool": _PATIENCE_SECONDS}  # fmt: skip
        try:
            async with (
                asyncio.timeout(_PATIENCE_SECONDS + _CONNECT_SECONDS),
                self._pool.stream(
                    "POST",
                    url,
                    headers=list(headers.items()),
                    content=body,
                    extensions={"timeout": patience},
                ) as response,
            ):
                return Answer(
                    response.status, await _beginning(response), _header(response, b"retry-after")
                )
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise TargetSlow from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise TargetAway from error


async def _beginning(response: httpcore.Response) -> bytes:
    read = b""
    async for part in response.aiter_stream():
        read += part
        if len(read) >= _MOST_BYTES:
            break
    return read[:_MOST_BYTES]


def _header(response: httpcore.Response, name: bytes) -> str | None:
    for key, value in response.headers:
        if key.lower() == name:
            return value.decode("latin-1")
    return None


def is_public(address: Address) -> bool:
    """Whether it is one of the public internet, and hides none that is not."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _TRANSLATED:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address.sixtofour is not None or address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast


class _Guarded(httpcore.AsyncNetworkBackend):
    """Connects to the addresses that were checked, and to no others."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = await self._egress.resolve(host, port)
        for address in found[:-1]:
            try:
                return await self._plain.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except httpcore.ConnectError:
                continue
        return await self._plain.connect_tcp(
            str(found[-1]), port, timeout, local_address, socket_options
        )

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused(f"Nothing is sent to sockets such as {path}.")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
