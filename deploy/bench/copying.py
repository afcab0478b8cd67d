"""Yardstick: paho and COPY, as somebody would write it who has read about COPY.

paho's network loop in its own thread acknowledges a message when it arrives; the main thread copies
what has gathered, a thousand rows or a second's worth at a time.
"""

import time
from queue import Empty, Queue
from urllib.parse import urlsplit

import psycopg
import typer
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from deploy.bench.plain import COLUMNS, TABLE, row_of, say

_ROWS_AT_ONCE = 1000
_LONGEST_WAIT_SECONDS = 1.0


def main(url: str, password: str, topic: str, dsn: str, qos: int, count: int) -> None:
    """Copy what comes below `topic` until `count` messages are committed."""
    arrived: Queue[MQTTMessage] = Queue()
    parts = urlsplit(url)
    user = parts.username or ""
    client = Client(CallbackAPIVersion.VERSION2, client_id=user, clean_session=False)
    client.username_pw_set(user, password)
    client.on_message = lambda _client, _data, message: arrived.put(message)
    client.on_connect = lambda client, *_: client.subscribe(topic, qos)
    client.on_subscribe = lambda *_: say({"ready": True})
    client.connect(parts.hostname or "", parts.port or 1883)
    client.loop_start()
    with psycopg.connect(dsn) as conn:
        ids: dict[str, int] = dict(conn.execute("select code, id from registry.terminal"))
        conn.commit()
        stored = 0
        while stored < count:
            messages = _gather(arrived, count - stored)
            with conn.cursor().copy(f"copy {TABLE} ({COLUMNS}) from stdin") as copy:
                for message in messages:
                    copy.write_row(row_of(ids, message.topic, message.payload))
            conn.commit()
            stored += len(messages)
    say({"count": stored, "last_us": time.time_ns() // 1000})
    client.loop_stop()


def _gather(arrived: Queue[MQTTMessage], at_most: int) -> list[MQTTMessage]:
    """A thousand messages, or those of a second, at least one."""
    messages = [arrived.get()]
    deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
    while len(messages) < min(_ROWS_AT_ONCE, at_most):
        try:
            messages.append(arrived.get(timeout=max(0.0, deadline - time.monotonic())))
        except Empty:
            break
    return messages


if __name__ == "__main__":
    typer.run(main)
