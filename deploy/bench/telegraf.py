"""Yardstick: Telegraf's `mqtt_consumer` with a persistent session into its `postgresql` output.

Set up as its documentation has it for messages that must not be lost: QoS 1, a fixed client id,
acknowledged after the output has written; its buffers are as large as its rate asks for. The table
has no key, as the plugin makes it. Becomes Telegraf: the process keeps its id.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from deploy.bench.stand import Stand
from deploy.simulator.numbered import GAUGES

TABLE = "bench_telegraf"
_SAYS_CONNECTED = "[inputs.mqtt_consumer] Connected"
_CONFIGURATION = """\
[agent]
  omit_hostname = true
  flush_interval = "1s"
  flush_jitter = "0s"
  metric_batch_size = 5000
  metric_buffer_limit = 200000
  logfile = "{log}"
[[inputs.mqtt_consumer]]
  name_override = "{table}"
  servers = ["tcp://{host}:{port}"]
  topics = ["{topic}"]
  topic_tag = ""
  qos = {qos}
  persistent_session = true
  client_id = "{user}"
  username = "{user}"
  password = "{password}"
  max_undelivered_messages = 50000
  data_format = "json"
  json_time_key = "ts"
  json_time_format = "unix_ms"
  fieldexclude = ["seq"]
  [[inputs.mqtt_consumer.topic_parsing]]
    topic = "m2m/v1/+/telemetry"
    tags = "_/_/terminal/_"
[[outputs.postgresql]]
  connection = "{dsn}"
  schema = "telemetry"
  timestamp_column_type = "timestamp with time zone"
"""


def find(given: Path | None = None) -> Path | None:
    """Telegraf's binary: the one that was named, or the one on PATH."""
    if given is not None:
        return given
    found = shutil.which("telegraf")
    return Path(found) if found else None


def version(binary: Path | None) -> str | None:
    """What it says of itself."""
    if binary is None:
        return None
    told = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def prepare(stand: Stand) -> None:
    """Make the table as the plugin would, as a hypertable."""
    values = ", ".join(f"values_{gauge.name} double precision" for gauge in GAUGES)
    stand.query(
        f"create table if not exists telemetry.{TABLE}"
        f" (time timestamptz not null, terminal text, {values})"
    )
    stand.query(
        f"select public.create_hypertable('telemetry.{TABLE}',"
        " public.by_range('time', interval '7 days'), if_not_exists => true)"
    )


def log_file(stand: Stand) -> Path:
    """Where Telegraf of this stand writes its log."""
    return stand.directory / "telegraf.log"


def is_connected(stand: Stand) -> bool:
    """Whether it has said that the broker took it in."""
    log = log_file(stand)
    return log.exists() and _SAYS_CONNECTED in log.read_text("utf-8")


def main(binary: str, url: str, password: str, topic: str, dsn: str, qos: str, log: str) -> None:
    """Write the configuration beside the log and become Telegraf."""
    broker, database = urlsplit(url), conninfo_to_dict(dsn)
    text = _CONFIGURATION.format(
        log=log,
        table=TABLE,
        host=broker.hostname,
        port=broker.port,
        user=broker.username,
        password=password,
        topic=topic,
        qos=qos,
        dsn=" ".join(f"{k}={v}" for k, v in database.items()) + " sslmode=disable",
    )
    file = Path(log).with_suffix(".conf")
    file.write_text(text, "utf-8")
    os.execv(binary, [binary, "--non-strict-env-handling", "--config", str(file)])  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
