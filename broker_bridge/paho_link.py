"""One MQTT 5 connection on paho-mqtt with manual acknowledgement: the yardstick and the way out.

Same promises as `mqtt5_link` at many times its cost, but for a publish that is malformed: that
ends the connection. paho runs inside our event loop, with a client for each connection, so that
no acknowledgement can slip from one connection into the next.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from broker_bridge.errors import BrokerRefused
from broker_bridge.session import (
    GOODBYE_SECONDS,
    MOST_UNANSWERED,
    NO_ENTRY,
    RECEIVE_MAXIMUM,
    SESSION_EXPIRY_SECONDS,
    TICKS_PER_KEEP_ALIVE,
    Broker,
    Delivery,
    Receiver,
)

MESSAGES_PER_READ = 1_000
PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"


async def carry(broker: Broker, filters: Sequence[str], receiver: Receiver, epoch: int) -> str:
    """Carry one connection to its end and return why it ended (see `session.Carry`)."""
    loop = asyncio.get_running_loop()
    link = PahoLink(broker, filters, receiver, epoch)
    connecting = loop.run_in_executor(None, link.connect)
    try:
        await asyncio.shield(connecting)
    except asyncio.CancelledError:
        connecting.add_done_callback(lambda _: link.abort())
        raise
    except ssl.SSLCertVerificationError as error:
        raise BrokerRefused(
            f"The broker's certificate is not to be trusted: {error.verify_message}."
        ) from error
    try:
        link.attend()
        return await link.ended
    finally:
        link.abort()


class _ClosedOnFailure(ssl.SSLSocket):
    """Closes itself when its handshake fails; paho would leave it to the collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


class PahoLink:
    """One connection; `ended` says why it ended."""

    def __init__(
        self, broker: Broker, filters: Sequence[str], receiver: Receiver, epoch: int
    ) -> None:
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._broker = broker
        self._filters = filters
        self._receiver = receiver
        self._epoch = epoch
        self._arrived: list[Delivery] = []
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tick_seconds = broker.keep_alive_seconds / TICKS_PER_KEEP_ALIVE
        self._silent_ticks = 0
        self._heard = False
        self.heard_us = 0
        self._paused = False
        self._closing = False
        self._unanswered = 0
        self._subscribe_id: int | None = None
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.user,
            protocol=MQTTv5,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self._client.username_pw_set(broker.user, broker.password)
        self._client.connect_timeout = broker.connect_seconds
        if broker.tls is not None:
            broker.tls.sslsocket_class = _ClosedOnFailure
            self._client.tls_set_context(broker.tls)

    def connect(self) -> None:
        """Reach the broker and send CONNECT; blocks, so call it from a thread."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_EXPIRY_SECONDS
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        self._client.connect(
            self._broker.host,
            self._broker.port,
            keepalive=self._broker.keep_alive_seconds,
            clean_start=False,
            properties=properties,
        )

    def attend(self) -> None:
        """Read and write from now on, in the event loop."""
        client = self._client
        client.on_connect = self._greeted
        client.on_message = self._arrive
        client.on_publish = self._answered
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._parted
        client.on_socket_close = self._unwatch
        client.on_socket_register_write = lambda *_: self._watch_writable()
        sock = client.socket()
        assert isinstance(sock, socket.socket)
        self._socket = sock
        self._loop.add_reader(sock, self._readable)
        if client.want_write():
            self._watch_writable()
        self._set_timer(self._broker.connect_seconds, lambda: self._drop("no CONNACK in time"))

    # Link: what the session asks.

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """See `Link`."""
        if not self._closing:
            for delivery in deliveries:
                self._client.ack(delivery.packet_id or 0, delivery.qos)

    def publish(self, messages: Iterable[tuple[str, bytes]], *, retained: bool = False) -> int:
        """See `Link`; what the window has no room for, paho keeps until it has."""
        room = MOST_UNANSWERED - self._unanswered
        sent = [
            self._client.publish(*message, 1, retained)
            for message in islice(messages, max(0, room))
        ]
        self._unanswered += len(sent)
        return len(sent)

    def pause(self) -> None:
        """See `Link`."""
        self._paused = True
        if self._socket is not None and not self._closing:
            self._loop.remove_reader(self._socket)

    def resume(self) -> None:
        """See `Link`."""
        self._paused = False
        self._silent_ticks = 0
        if self._socket is not None and not self._closing:
            self._loop.add_reader(self._socket, self._readable)
            self._loop.call_soon(self._readable)  # TLS may hold bytes that no socket tells of

    def close(self) -> None:
        """See `Link`. Not paho's disconnect: it closes at once, and unread bytes would turn our
        last acknowledgements into a RST.
        """
        if self._socket is None or self._closing:
            return
        self._closing = True
        self._set_timer(GOODBYE_SECONDS, self.abort)
        self._loop.add_reader(self._socket, self._discard)
        self._writable()

    def abort(self) -> None:
        """Cut the connection now."""
        self._closing = True
        sock = self._client.socket()
        if sock is not None:
            self._unwatch()
            sock.close()
        self._drop("closed by us")

    # What the event loop tells.

    def _readable(self) -> None:
        """Let paho take messages until it has no more, and hand them over together."""
        self._heard = True
        self.heard_us = time.time_ns() // 1000
        client, arrived = self._client, self._arrived
        try:
            for _ in range(MESSAGES_PER_READ):
                before = len(arrived)
                if self._paused or self._closing or client.loop_read() or len(arrived) == before:
                    break
            if arrived:
                self._arrived = []
                self._receiver.receive(arrived)
        except Exception as error:  # noqa: BLE001  the session's run() raises it
            if not self.ended.done():
                self.ended.set_exception(error)
        sock = self._socket
        if isinstance(sock, ssl.SSLSocket) and sock.pending() and not self._paused:
            self._loop.call_soon(self._readable)

    def _writable(self) -> None:
        client = self._client
        client.loop_write()
        if self._socket is None or client.want_write():
            return
        self._loop.remove_writer(self._socket)
        if self._closing:
            with suppress(OSError):
                self._socket.send(DISCONNECT)

    def _discard(self) -> None:
        assert self._socket is not None
        try:
            gone = not self._socket.recv(65_536)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            gone = True
        if gone:
            self.abort()

    def _watch_writable(self) -> None:
        if self._socket is not None:
            self._loop.add_writer(self._socket, self._writable)

    def _unwatch(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket = None

    # What paho tells.

    def _arrive(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "\ufffd"
        if not message.qos and topic in self._receiver.notices:
            self._receiver.notice(topic, bytes(message.payload), retained=message.retain)
            return
        self._arrived.append(
            Delivery(
                topic,
                bytes(message.payload),
                message.qos,
                message.dup,
                time.time_ns() // 1000,
                self._epoch,
                message.mid if message.qos else None,
            )
        )

    def _greeted(
        self,
        client: Client,
        userdata: Any,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.value in NO_ENTRY:
            self._refused(f"The broker refuses {self._broker.user!r} ({reason}).")
            return
        if reason.is_failure:
            self._drop(f"the broker does not take us now: {reason}")
            return
        server_keep_alive = getattr(properties, "ServerKeepAlive", None)
        if server_keep_alive is not None:
            self._tick_seconds = (server_keep_alive or 30) / TICKS_PER_KEEP_ALIVE
        self._set_timer(self._tick_seconds, self._tick)
        self._receiver.established(self, session_present=flags.session_present)
        if not self._closing:
            never = SubscribeOptions.RETAIN_DO_NOT_SEND
            topics = [(t, SubscribeOptions(qos=1, retainHandling=never)) for t in self._filters]
            self._subscribe_id = client.subscribe(topics)[1]
            if self._receiver.notices:
                client.subscribe([(t, SubscribeOptions(qos=0)) for t in self._receiver.notices])

    def _subscribed(
        self, client: Client, userdata: Any, mid: int, reasons: list[ReasonCode], properties: Any
    ) -> None:
        if mid != self._subscribe_id:
            return
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            self._refused(f"The broker refuses our subscription ({refused[0]}).")
        else:
            self._receiver.granted()

    def _answered(self, *_: object) -> None:
        self._unanswered -= 1

    def _parted(
        self, client: Client, userdata: Any, flags: Any, reason: ReasonCode, properties: Any
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self._drop(f"the broker disconnects us: {reason}")
        else:
            self._drop(f"the connection is lost: {reason}")

    # Keeping alive, and ending.

    def _tick(self) -> None:
        """Ping, and notice a silent broker; see `Mqtt5Link._tick`. (paho has no public ping.)"""
        self._silent_ticks = 0 if self._heard or self._paused else self._silent_ticks + 1
        self._heard = False
        if self._silent_ticks >= TICKS_PER_KEEP_ALIVE:
            self._drop("the broker is silent")
            return
        if self._socket is not None and not self._client.want_write():
            try:
                self._socket.send(PINGREQ)
            except (BlockingIOError, ssl.SSLWantWriteError):
                pass  # full of bytes that say the same
            except OSError as error:
                self._drop(f"{type(error).__name__}: {error}")
                return
        self._set_timer(self._tick_seconds, self._tick)

    def _set_timer(self, seconds: float, call: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, call)

    def _refused(self, sentence: str) -> None:
        self._closing = True
        if not self.ended.done():
            self.ended.set_exception(BrokerRefused(sentence))

    def _drop(self, reason: str) -> None:
        self._closing = True
        if not self.ended.done():
            self.ended.set_result(reason)
