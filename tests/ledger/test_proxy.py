"""The network between the parts fails as it is told to."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.embedded.processes import wait_until
from deploy.ledger.proxy import Mode, Proxy


class Echo:
    """A server that sends back what it gets, and remembers it."""

    def __init__(self) -> None:
        self.heard = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(1000):
                    self.heard += data
                    connection.sendall(data)
            except OSError:
                return

    def close(self) -> None:
        """Take nobody in any more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    """A server to speak to."""
    server = Echo()
    yield server
    server.close()


@contextmanager
def connected(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
        yield connection


def heard(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            break
        data += more
    return data


@pytest.mark.parametrize("mode", [Mode.THROUGH, Mode.SLICES, Mode.THROTTLED])
def test_what_passes_passes_whole(echo: Echo, mode: Mode) -> None:
    """However slowly or in pieces."""
    with Proxy("127.0.0.1", echo.port) as proxy, connected(proxy) as connection:
        proxy.set(mode)
        connection.sendall(b"x" * 500)

        assert heard(connection, 500) == b"x" * 500


@pytest.mark.parametrize("mode", [Mode.BLACK_HOLE, Mode.HALF_OPEN])
def test_what_is_swallowed_is_gone_and_its_connection_with_it(echo: Echo, mode: Mode) -> None:
    """No answer comes; when bytes pass again, the connection that lost some is reset."""
    with Proxy("127.0.0.1", echo.port) as proxy, connected(proxy) as connection:
        connection.sendall(b"before")
        assert heard(connection, 6) == b"before"
        proxy.set(mode)
        connection.sendall(b"within")
        if mode is Mode.HALF_OPEN:
            assert wait_until(lambda: echo.heard.endswith(b"within"), 10)
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(10)
        proxy.set(Mode.THROUGH)

        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_cut_lets_the_request_arrive_and_not_its_answer(echo: Echo) -> None:
    """What is asked is done, and nobody hears of it."""
    with Proxy("127.0.0.1", echo.port) as proxy:
        proxy.cut_once_at(b"COMMIT")
        with connected(proxy) as connection:
            connection.sendall(b"begin; COMMIT")
            try:
                answer = connection.recv(100)
            except ConnectionResetError:
                answer = b""
        with connected(proxy) as connection:
            connection.sendall(b"COMMIT again")
            assert heard(connection, 12) == b"COMMIT again"

    assert answer == b""
    assert echo.heard.startswith(b"begin; COMMIT")
    assert proxy.cuts == 1


def test_what_is_held_goes_when_it_is_let_go(echo: Echo) -> None:
    """One after the other; in the end all."""
    with (
        Proxy("127.0.0.1", echo.port) as proxy,
        connected(proxy) as first,
        connected(proxy) as second,
    ):
        proxy.hold_at(b"COPY")
        for number, connection in enumerate((first, second), 1):
            connection.sendall(b"COPY x")
            assert wait_until(lambda: proxy.held == number, 10)  # noqa: B023
        assert echo.heard == b""
        proxy.let_one_go()
        assert heard(first, 6) == b"COPY x"
        assert echo.heard == b"COPY x"
        proxy.hold_at(None)
        assert heard(second, 6) == b"COPY x"


def test_a_reset_ends_every_connection(echo: Echo) -> None:
    """With RST, as of a machine that forgot them."""
    with Proxy("127.0.0.1", echo.port) as proxy, connected(proxy) as connection:
        connection.sendall(b"x")
        assert heard(connection, 1) == b"x"
        proxy.reset()

        with pytest.raises(ConnectionResetError):
            connection.recv(1)
