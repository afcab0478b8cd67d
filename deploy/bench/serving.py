"""An API process on a test stand."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.bench.processes import Child, wait_until
from deploy.bench.stand import Stand
from deploy.embedded.ports import free_port

HOST = "127.0.0.1"
_PATIENCE_SECONDS = 90


@contextmanager
def serving(stand: Stand, **chosen: str) -> Iterator[tuple[Child, int]]:
    """An API process with these `MUSTER_*` settings, all others as they are by default; its port.

    The role `muster_api` of the stand has its password.
    """
    port = free_port()
    environment = {
        "MUSTER_DATABASE_URL": stand.dsn("muster_api"),
        "MUSTER_API_LISTEN": f"{HOST}:{port}",
        "MUSTER_LOG_LEVEL": "warning",
    } | {f"MUSTER_{name}": value for name, value in chosen.items()}
    with Child("api", environment=environment) as api:
        wait_until(lambda: _is_ready(port), api, _PATIENCE_SECONDS, "The API")
        yield api, port


def _is_ready(port: int) -> bool:
    line = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        line.request("GET", "/health/ready")
        return line.getresponse().status == 200
    except OSError:
        return False
    finally:
        line.close()
