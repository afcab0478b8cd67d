"""TLS made on the spot."""

import datetime
import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest

from deploy.embedded import certificates
from deploy.embedded.certificates import Certificates

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def shake_hands(made: Certificates, name: str) -> str | None:
    """The TLS version that a client which trusts our CA and calls the server `name` gets."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(made.chain, made.key)
    near, far = socket.socketpair()

    def answer() -> None:
        try:
            with serving.wrap_socket(far, server_side=True) as connection:
                connection.recv(1)
        except OSError:
            far.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        trusting = ssl.create_default_context(cafile=made.ca)
        with trusting.wrap_socket(near, server_hostname=name) as connection:
            connection.send(b"x")
            return connection.version()
    finally:
        near.close()
        thread.join()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "10.9.8.7", "muster.example.cn"])
def test_a_client_that_trusts_the_ca_is_served(tmp_path: Path, name: str) -> None:
    """By every address that was asked for, and on this machine."""
    made = certificates.ensure(tmp_path, ["0.0.0.0", "10.9.8.7", "muster.example.cn"], NOW)

    assert shake_hands(made, name) == "TLSv1.3"
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600


def test_another_name_is_not_ours(tmp_path: Path) -> None:
    """The certificate speaks for this machine only."""
    made = certificates.ensure(tmp_path, ["0.0.0.0"], NOW)

    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(made, "elsewhere.example.cn")


def test_the_leaf_is_renewed_in_time_and_the_ca_stays(tmp_path: Path) -> None:
    """Clients trust the CA once; a leaf lasts, until it nears its end or a name is missing."""
    first = certificates.ensure(tmp_path, ["0.0.0.0"], NOW)
    ca, chain = first.ca.read_bytes(), first.chain.read_bytes()

    assert certificates.ensure(tmp_path, ["0.0.0.0"], NOW + 300 * DAY).chain.read_bytes() == chain
    named = certificates.ensure(tmp_path, ["muster.example.cn"], NOW).chain.read_bytes()
    assert named != chain
    later = certificates.ensure(tmp_path, ["muster.example.cn"], NOW + 380 * DAY)
    assert later.chain.read_bytes() != named
    assert later.ca.read_bytes() == ca
