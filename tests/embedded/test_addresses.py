"""Addresses as people write them."""

import pytest

from deploy.embedded import addresses
from deploy.embedded.addresses import Address
from foundation.errors import Invalid


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("localhost", Address("localhost", None)),
        (":8443", Address("0.0.0.0", 8443)),
        ("[::1]:8080", Address("::1", 8080)),
        ("[::]", Address("::", None)),
        ("muster.example.cn:443", Address("muster.example.cn", 443)),
    ],
)
def test_addresses_are_understood(text: str, expected: Address) -> None:
    """Host, port, or both; and what is read is written the same way."""
    assert addresses.parse(text) == expected
    if expected.port:
        assert addresses.parse(addresses.joined(expected.host, expected.port)) == expected


@pytest.mark.parametrize(
    "text", ["", "::1", "[::1", "host:", "host:http", "h:0", "h:65536", "h:１"]
)
def test_anything_else_is_refused(text: str) -> None:
    """With the right way to write it."""
    with pytest.raises(Invalid) as caught:
        addresses.parse(text)
    assert "HOST:PORT" in caught.value.hint


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_goes_without_tls(host: str) -> None:
    """Nobody else can reach it."""
    assert Address(host, None).is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::", "muster.example.cn"])
def test_what_others_can_reach_is_not_loopback(host: str) -> None:
    """It is encrypted."""
    assert not Address(host, None).is_loopback
