"""Ends a session at a Mosquitto that would let it live: one opened with a certificate now revoked.

Mosquitto looks at its list of revoked certificates at a handshake and never again. So an account of
ours takes the session's place, which removes it with its subscriptions and all that waits for it,
and leaves. Only its own listener lets it choose a client id: a socket in a closed directory.
"""

import os
import socket
from collections.abc import Iterable
from pathlib import Path

from foundation.errors import Unavailable

NAME = "muster-warden"  # no terminal's code may begin so
SOCKET = "warden.sock"
_PATIENCE_SECONDS = 5.0
_ACCEPTED = b"\x20\x02\x00\x00"
_DISCONNECT = b"\xe0\x00"


class BrokerDoesNotListen(Unavailable):
    """The broker does not let the warden in."""

    code = "broker_does_not_listen"


def end_sessions(directory: Path, password: str, codes: Iterable[str]) -> None:
    """End the sessions of these terminals at the broker whose files are in `directory`."""
    place = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        for code in codes:
            # A socket's path has 107 bytes at most; this one is short, wherever the directory is.
            _take_over(f"/proc/self/fd/{place}/{SOCKET}", code, password)
    except OSError as error:
        raise BrokerDoesNotListen(f"The broker in {directory} does not answer ({error}).") from None
    finally:
        os.close(place)


def _take_over(path: str, code: str, password: str) -> None:
    with socket.socket(socket.AF_UNIX) as broker:
        broker.settimeout(_PATIENCE_SECONDS)
        broker.connect(path)
        broker.sendall(_connect(code, password))
        answer = broker.recv(len(_ACCEPTED), socket.MSG_WAITALL)
        if answer != _ACCEPTED:
            raise BrokerDoesNotListen(f"The broker answers the warden with {answer.hex()}.")
        broker.sendall(_DISCONNECT)


def _connect(client_id: str, password: str) -> bytes:
    """CONNECT of MQTT 3.1.1 with a clean session, 3.1: removes what there was of that client."""
    flags, keep_alive_seconds = 0b1100_0010, 10
    body = _text("MQTT") + bytes([4, flags]) + keep_alive_seconds.to_bytes(2)
    body += _text(client_id) + _text(NAME) + _text(password)
    size = len(body)  # of a code and a password of ours: two digits hold it
    digits = [size] if size < 128 else [size % 128 | 0x80, size // 128]
    return bytes([0x10, *digits]) + body


def _text(value: str) -> bytes:
    encoded = value.encode()
    return len(encoded).to_bytes(2) + encoded
