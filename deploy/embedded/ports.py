"""TCP ports: free ones, and whether one is taken."""

import socket
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


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
