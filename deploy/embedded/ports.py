"""TCP ports: free ones, and whether one is taken."""

import secrets
import socket
from collections.abc import Collection
from contextlib import closing


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nothing listens on now."""
    with closing(socket.socket(_family(host))) as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with closing(socket.socket(_family(host))) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            return False
        return True


def free_port_from(preferred: int, avoided: Collection[int] = ()) -> int:
    """`preferred` if it is free, else one that others rarely take (below the ephemeral range)."""
    if preferred not in avoided and is_free("127.0.0.1", preferred):
        return preferred
    for _ in range(1000):
        port = 20_000 + secrets.randbelow(12_000)
        if port not in avoided and is_free("127.0.0.1", port):
            return port
    return free_port()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
