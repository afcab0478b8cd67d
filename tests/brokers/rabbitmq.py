"""A RabbitMQ of Debian's, unpacked like the other servers, that asks our hooks."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded import trees
from deploy.embedded.ports import free_port
from deploy.embedded.processes import wait_until
from deploy.embedded.trees import ProgramsDoNotRun, Recipe

_ERLANG = "usr/lib/erlang"
_RECIPE = Recipe(
    name="rabbitmq",
    wanted=("rabbitmq-server",),
    left_out=(
        "adduser", "debconf", "dpkg", "init-system-helpers", "logrotate", "lsb-base",
        "media-types", "netbase", "openssl", "openssl-provider-legacy", "passwd", "perl",
        "perl-base", "procps", "python3", "readline-common", "socat", "sysvinit-utils", "systemd",
        "tar", "tzdata", "ucf",
    ),
    unused=("etc", "usr/share/perl*", "usr/lib/python*"),
    programs=(
        *(f"{_ERLANG}/erts-*/bin/{name}" for name in (
            "beam.smp", "erlexec", "erl_child_setup", "inet_gethost", "epmd")),
        f"{_ERLANG}/lib/os_mon-*/priv/bin/*",
    ),
    megabytes=500,
)  # fmt: skip


def ensure() -> Path:
    """Root of the unpacked tree (about 55 MB to download)."""
    return trees.ensure(_RECIPE, _check, None, None).root


def _check(root: Path) -> None:
    """Run Erlang once."""
    ran = subprocess.run(
        [_erl(root), "-noshell", "-eval", "io:format(\"runs\"), halt()."],
        capture_output=True, text=True, check=False, env=_environment(root, root), timeout=120,
    )  # fmt: skip
    if "runs" not in ran.stdout:
        raise ProgramsDoNotRun(f"Erlang does not run: {(ran.stderr or ran.stdout)[-400:]}")


def _erl(root: Path) -> Path:
    return next((root / _ERLANG).glob("erts-*/bin/erlexec"))


def _environment(root: Path, home: Path) -> dict[str, str]:
    place = root / _ERLANG
    erts = next(place.glob("erts-*/bin"))
    return {
        "PATH": "/usr/bin:/bin", "HOME": str(home), "ROOTDIR": str(place), "BINDIR": str(erts),
        "EMU": "beam", "PROGNAME": "erl", "LC_ALL": "C.UTF-8",
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class RabbitMq:
    """A broker that runs, for MQTT on this port of loopback."""

    port: int
    log: Path


@contextmanager
def running(root: Path, directory: Path, configuration: str) -> Iterator[RabbitMq]:
    """RabbitMQ with this configuration, in which `@MQTT@` is its port; gone afterwards."""
    port, epmd_port = free_port(), free_port()
    scripts = next((root / "usr/lib/rabbitmq/lib").glob("rabbitmq_server-*"))
    (directory / "rabbitmq.conf").write_text(configuration.replace("@MQTT@", str(port)), "utf-8")
    (directory / "enabled_plugins").write_text(
        "[rabbitmq_mqtt,rabbitmq_auth_backend_http,rabbitmq_auth_backend_cache].\n", "utf-8"
    )
    (directory / "bin").mkdir()
    erl = directory / "bin" / "erl"  # Debian's own has a path in it where it would be installed
    erl.write_text(f'#!/bin/sh\nexec "{_erl(root)}" "$@"\n', "utf-8")
    erl.chmod(0o755)
    environment = _environment(root, directory) | {
        "PATH": f"{directory / 'bin'}:/usr/bin:/bin",
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_HOME": str(scripts),
        "RABBITMQ_NODENAME": "muster@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(directory / "none"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(directory / "none.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(directory / "data"),
        "RABBITMQ_LOG_BASE": str(directory / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_PID_FILE": str(directory / "pid"),
    }
    epmd = next((root / _ERLANG).glob("erts-*/bin/epmd"))
    log = directory / "rabbitmq.log"
    with log.open("wb") as said:
        started = [
            subprocess.Popen(
                command, cwd=directory, env=environment, stdout=said, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )
            for command in (
                [str(epmd), "-port", str(epmd_port)],
                ["sh", str(scripts / "sbin/rabbitmq-server")],
            )
        ]  # fmt: skip
        try:
            if not wait_until(lambda: b"completed with" in log.read_bytes(), 600):
                raise ProgramsDoNotRun(f"RabbitMQ did not start: {log.read_text()[-2000:]}")
            yield RabbitMq(port, log)
        finally:
            for process in reversed(started):  # each a session of its own, with all it started
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
