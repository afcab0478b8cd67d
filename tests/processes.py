"""API processes of tests, forked off one that has imported everything: seconds of CPU saved each.

How `python -m api` itself starts is asked in `tests/api/test_process.py`.
"""

import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from api import __main__ as api_process
from deploy.embedded.ports import free_port
from deploy.embedded.processes import wait_until

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["api.__main__"])


@contextmanager
def serving(listen: str | None = None, **settings: str) -> Iterator[str]:
    """The address of an API process with these `MUSTER_*` settings and no others."""
    listen = listen or f"127.0.0.1:{free_port()}"
    chosen = {f"MUSTER_{name}": value for name, value in settings.items()}
    process = _forks.Process(target=_serve, args=(chosen | {"MUSTER_API_LISTEN": listen},))
    process.start()
    try:
        assert wait_until(lambda: _is_ready(f"http://{listen}"), 90)
        yield f"http://{listen}"
    finally:
        process.terminate()
        process.join()


def _serve(settings: Mapping[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith("MUSTER_")]:
        del os.environ[name]
    os.environ.update(settings)
    sys.exit(api_process.main())


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready").status_code == 200
    except httpx.TransportError:
        return False
