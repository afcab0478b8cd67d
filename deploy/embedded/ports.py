"""TCP ports: free ones, and whether one is taken."""

import secrets
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


def claim(host: str, port: int) -> socket.socket | None:
    """A claim on a port that nothing listens on, good against every other Muster until closed.

    Between choosing a port and listening there pass seconds. The claim is an abstract Unix socket:
    the kernel keeps it apart by network, as it does ports, and drops it when we die.
    """
    held = socket.socket(socket.AF_UNIX)
    try:
        held.bind(f"\0muster-port-{port}")
    except OSError:
        held.close()
        return None
    if not is_free(host, port):
        held.close()
        return None
    return held


def claim_one(host: str, preferred: int) -> tuple[int, socket.socket]:
    """A claim on `preferred`, else on a port that others rarely take (below the ephemeral ones)."""
    port = preferred
    while (held := claim(host, port)) is None:
        port = 20_000 + secrets.randbelow(12_000)
    return port, held


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
