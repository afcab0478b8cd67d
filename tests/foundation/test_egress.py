"""The way out leads to the public internet by TLS, to what is allowed, and nowhere else."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded import certificates
from foundation.egress import (
    AddressRefused,
    Egress,
    Network,
    TargetAway,
    TargetSlow,
    is_public,
    parse,
)
from tests.telemetry.notifications.receiving import answer, target

LOOPBACK: Sequence[Network] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@asynccontextmanager
async def way_out(
    allowed: Sequence[Network] = (), ca_file: Path | None = None
) -> AsyncIterator[Egress]:
    egress = Egress(allowed, ca_file)
    try:
        yield egress
    finally:
        await egress.close()


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "gopher://example.org/", "https://", "ftp://example.org/", "example.org",
     "https://user@example.org/", "https://user:word@example.org/", "https://example.org:0/",
     "https://example.org:99999/", "https://example.org/#part", "https://exa mple.org/",
     "https://example.org/\r\nHost: other", "https://exämple.org/", "https://x/" + "a" * 2000],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_by_its_text(address: str) -> None:
    """Other schemes, names and passwords, fragments, control characters, no host, no port."""
    with pytest.raises(AddressRefused):
        parse(address)


@pytest.mark.parametrize(
    "address",
    ["https://127.0.0.1/", "https://[::1]/", "https://localhost/", "https://0x7f.1/",
     "https://2130706433/", "https://0/", "https://169.254.169.254/latest/meta-data/",
     "https://10.1.2.3/", "https://172.16.0.1/", "https://192.168.1.1/", "https://100.64.0.1/",
     "https://[::ffff:127.0.0.1]/", "https://[fe80::1]/", "https://[fd00::1]/",
     "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://224.0.0.1/",
     "https://0.0.0.0/", "https://93.184.216.34:5432/", "https://93.184.216.34:22/",
     "http://93.184.216.34/"],
)  # fmt: skip
async def test_an_address_inside_is_refused_in_whatever_spelling(address: str) -> None:
    """B39: this machine, its neighbours, the cloud's metadata, other ports, plain HTTP."""
    async with way_out() as egress:
        with pytest.raises(AddressRefused):
            await egress.check(address)
        with pytest.raises(AddressRefused):
            await egress.post(address, b"", {})


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "8.8.8.8"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    """So that not everything is refused."""
    assert is_public(ip_address(address))


async def test_a_public_address_passes() -> None:
    """By TLS and on its usual ports."""
    async with way_out() as egress:
        assert (await egress.check("https://93.184.216.34/hook")).hostname == "93.184.216.34"
        assert (await egress.check("https://93.184.216.34:8443/hook")).port == 8443


async def test_what_is_allowed_is_reached_and_answers(server_directory: Path) -> None:
    """By plain HTTP, too, on any port; the answer is told whatever it is."""
    async with target() as there, way_out(LOOPBACK) as egress:
        there.answering = lambda request: answer(418, b"tea", "Retry-After: 7")
        told = await egress.post(f"{there.url}/a?b", b"body", {"X-One": "1"})

    assert (told.status, told.body, told.retry_after) == (418, b"tea", "7")
    [request] = there.requests
    assert (request.path, request.body, request.headers["x-one"]) == ("/a?b", b"body", "1")
    assert request.headers["host"] == f"localhost:{there.port}"


async def test_a_name_that_turns_inside_after_it_was_checked_is_not_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """B39, DNS rebinding: the address that is connected to is the one that is held to the rules."""
    told: list[str] = []

    async def resolve(
        self: asyncio.AbstractEventLoop, host: str, port: int, **kinds: Any
    ) -> list[Any]:
        told.append("93.184.216.34" if not told else "127.0.0.1")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (told[-1], port))]

    monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", resolve, raising=False)
    async with way_out() as egress:
        with pytest.raises(AddressRefused):
            await egress.post("https://rebinding.example/", b"", {})

    assert told == ["93.184.216.34", "127.0.0.1"]


async def test_one_address_inside_among_others_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that leads to two places leads to the worse one."""

    async def resolve(
        self: asyncio.AbstractEventLoop, host: str, port: int, **kinds: Any
    ) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("93.184.216.34", "10.0.0.1")
        ]

    monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", resolve, raising=False)
    async with way_out() as egress:
        with pytest.raises(AddressRefused):
            await egress.check("https://two.example/")


async def test_a_redirect_is_told_and_not_followed() -> None:
    """B39: not even to the same server."""
    async with target() as there, way_out(LOOPBACK) as egress:
        there.answering = lambda request: answer(307, b"", f"Location: {there.url}/inside")
        told = await egress.post(there.url, b"", {})

    assert told.status == 307
    assert len(there.requests) == 1


async def test_an_endless_answer_is_read_to_its_first_kilobytes() -> None:
    """B40: 10 GB cost 4 KB."""
    async with target() as there, way_out(LOOPBACK) as egress:
        there.answering = lambda request: (
            b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n" + b"x" * 100_000
        )
        told = await egress.post(there.url, b"", {})

    assert (told.status, len(told.body)) == (200, 4096)


async def test_a_target_that_drips_or_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """B40: a byte now and then keeps nobody waiting beyond the deadline."""
    monkeypatch.setattr("foundation.egress._PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr("foundation.egress._CONNECT_SECONDS", 0.5)

    async def drip(writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with target() as there, way_out(LOOPBACK) as egress:
        there.after = drip
        there.answering = lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n"
        with pytest.raises(TargetSlow):
            await egress.post(there.url, b"", {})


async def test_nobody_there_is_told_as_such() -> None:
    """A port where nobody listens, and a name that leads nowhere."""
    async with way_out(LOOPBACK) as egress:
        with pytest.raises(TargetAway):
            await egress.post("http://127.0.0.1:9/", b"", {})
        with pytest.raises(TargetAway):
            await egress.check("https://nowhere.invalid/")


async def test_tls_is_verified(server_directory: Path) -> None:
    """A certificate of an authority that is not trusted is no certificate; trusted it is one."""
    made = certificates.ensure(server_directory, ["localhost"], datetime.now(UTC))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.chain, made.key)
    async with target(context) as there:
        async with way_out(LOOPBACK) as egress:
            with pytest.raises(TargetAway):
                await egress.post(there.url, b"", {})
        async with way_out(LOOPBACK, made.ca) as egress:
            assert (await egress.post(there.url, b"", {})).status == 200
