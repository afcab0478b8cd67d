"""Terminals that show a certificate, on bare sockets: what the broker does is seen byte by byte."""

import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_connection

from cryptography.hazmat.primitives.asymmetric import ec

from deploy.embedded import certificates
from deploy.embedded.certificates import Certificates
from deploy.embedded.mosquitto import Broker, TlsListener, verifier
from deploy.embedded.ports import free_port
from deploy.embedded.runtime import Runtime
from foundation.certificates import write_key
from registry.authority import Authority
from tests.registry.requests import request_of

SECONDS = 10


@dataclass(slots=True)
class Ground:
    """A broker with a listener for certificates, and the authority that it believes."""

    server: Broker
    port: int
    authority: Authority
    tls: Certificates
    directory: Path
    serials: dict[str, str] = field(default_factory=dict)
    sessions: list["Session"] = field(default_factory=list)

    def enter(
        self, context: ssl.SSLContext, *, says: str = "", session: ssl.SSLSession | None = None
    ) -> "Session":
        """A terminal's try to get in, closed at the end at the latest."""
        self.sessions.append(Session(self.port, context, says=says, session=session))
        return self.sessions[-1]

    def certify(
        self,
        code: str,
        *,
        authority: Authority | None = None,
        at: datetime | None = None,
        lasting: timedelta = timedelta(days=1),
    ) -> ssl.SSLContext:
        """What a terminal with a fresh certificate of that name connects with."""
        key = ec.generate_private_key(ec.SECP256R1())
        issued = (authority or self.authority).sign(
            request_of(code, key), code, now=at or datetime.now(UTC), lasting=lasting
        )
        self.serials[code] = issued.draft.serial
        place = self.directory / f"{code}-{issued.draft.serial[:8]}.pem"
        place.write_text(issued.pem)
        write_key(place.with_suffix(".key"), key)
        return self.shows(place, place.with_suffix(".key"))

    def shows(self, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
        """A context that knows the broker, and shows this, or nothing."""
        context = ssl.create_default_context(cafile=str(self.tls.ca))
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        return context


class Session:
    """A terminal's session; `ended` is how it finds out that it has none."""

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        *,
        says: str = "",
        session: ssl.SSLSession | None = None,
    ) -> None:
        self.admitted = False
        self._sent = 0
        with create_connection(("127.0.0.1", port), SECONDS) as raw:
            self.socket = context.wrap_socket(
                raw, server_hostname="localhost", do_handshake_on_connect=False, session=session
            )
        try:
            self.socket.do_handshake()
            self.socket.sendall(_connect(says or "whoever"))
            self.admitted = self.socket.recv(4) == b"\x20\x02\x00\x00"
        except OSError:  # ssl.SSLError is one: an alert, now or at the first read (TLS 1.3)
            self.admitted = False
        if not self.admitted:
            self.close()

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 1 and wait for the acknowledgement."""
        self._sent += 1
        number = self._sent.to_bytes(2)
        body = len(topic).to_bytes(2) + topic.encode() + number + payload
        self.socket.sendall(bytes([0x32, len(body)]) + body)
        answer = self.socket.recv(4)
        assert answer == b"\x40\x02" + number, answer

    def was_cut_off(self, seconds: float) -> bool:
        """Whether the broker ends the connection within `seconds`."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


def _connect(client_id: str) -> bytes:
    """CONNECT of MQTT 3.1.1 with a clean session and a user name that is somebody else's."""
    text = client_id.encode()
    user = b"bridge-1"
    body = b"\x00\x04MQTT\x04\x82\x00\x3c" + len(text).to_bytes(2) + text
    body += len(user).to_bytes(2) + user
    return bytes([0x10, len(body)]) + body


@contextlib.contextmanager
def ground(servers: Runtime, directory: Path) -> Iterator[Ground]:
    """A broker as the embedded stack configures it, with the bridge's account."""
    now = datetime.now(UTC)
    (directory / "tls").mkdir()
    made = certificates.ensure(directory / "tls", ["localhost"], now)
    authority = Authority.make(directory / "ca", now - timedelta(days=2))
    listener = TlsListener(
        "127.0.0.1", free_port(), made.chain, made.key, directory / "ca" / "ca.pem"
    )
    server = Broker(servers, directory / "mqtt", bridges=("bridge-1",), tls=[listener])
    server.write_accounts({"bridge-1": verifier("bridge-1-secret"), "METER-9": verifier("METER-9")})
    server.write_revocations(authority.revoking([], number=1, now=now - timedelta(hours=1)))
    server.start()
    standing = Ground(server, listener.port, authority, made, directory)
    try:
        yield standing
    finally:
        for session in standing.sessions:
            session.close()
        server.stop()
