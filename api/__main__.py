"""`python -m api`: serves until SIGTERM, then ends what is under way and exits 0."""

import asyncio
import gc
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
import uvloop
from fastapi import FastAPI

from api.app import create_app
from api.heads import CappedHttp
from api.oidc.sign_on import mapping_faults
from foundation import logs, settings
from foundation.errors import MusterError, Refused
from foundation.logs import get_logger
from foundation.settings import Settings, SettingsInvalid
from foundation.shutdown import stop_event
from registry.errors import SecretKeyMissing


class AddressTaken(Refused):
    """The address to listen on cannot be had."""

    code = "address_taken"
    remedy = "Stop what listens there, or choose another MUSTER_API_LISTEN."


def main() -> int:
    """Run the process; 0 after a clean stop, 1 failed, 2 bad settings, 3 the address is taken."""
    try:
        chosen = settings.load(beside=mapping_faults).require("database_url")
    except SettingsInvalid as error:
        sys.stderr.write(f"{error}\n{error.hint}\n")
        return 2
    logs.configure(chosen, "api")
    if chosen.second_factor != "off" and chosen.secret_key is None:
        reason = "second factors are asked for and cannot be enrolled"
        get_logger(__name__).warning(reason, remedy=SecretKeyMissing.remedy)
    try:
        return uvloop.run(_serve(chosen))
    except MusterError as error:
        return _told(error)


def _told(error: MusterError) -> int:
    """Log why the process ends, in one sentence and a remedy; the exit code that says it, too."""
    get_logger(__name__).error(str(error), remedy=error.hint)
    codes = {SettingsInvalid: 2, AddressTaken: 3}
    return codes.get(type(error), 1)


class _Server(uvicorn.Server):
    """uvicorn would end itself by the signal it got; our processes exit 0 after a clean stop."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what would go on for ever, then wait for the rest."""
        self._ending()
        await super().shutdown(sockets)


def server(app: FastAPI, chosen: Settings) -> uvicorn.Server:
    """The HTTP server of an application that is started already."""
    return _Server(
        uvicorn.Config(
            app,
            http=CappedHttp,
            ws="none",
            lifespan="off",  # entered here, so that a failure is ours to tell in one sentence
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # whom to trust is a setting, and the application's to know
            timeout_graceful_shutdown=int(chosen.stop_deadline_seconds) or 1,
            ssl_certfile=chosen.api_tls_certificate,
            ssl_keyfile=chosen.api_tls_key,
        ),
        app.state.live.stop,
    )


async def _serve(chosen: Settings) -> int:
    app = create_app(chosen)
    running = server(app, chosen)
    _load_certificate(running.config)
    stop = stop_event()
    with listening(chosen.api_listen, chosen.stalled_seconds) as listener:
        async with app.router.lifespan_context(app):
            # Routes and their models, to stay: a walk over them all holds every answer up.
            gc.collect()
            gc.freeze()
            serving = asyncio.create_task(running.serve([listener]))
            stopping = asyncio.create_task(stop.wait())
            get_logger(__name__).info("serving", listen=chosen.api_listen)
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            running.should_exit = True
            await serving
            stopping.cancel()
    return 0 if stop.is_set() else 1


def _load_certificate(config: uvicorn.Config) -> None:
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        raise SettingsInvalid(
            [f"MUSTER_API_TLS_CERTIFICATE and _KEY do not work: {error}"]
        ) from error


def listening(listen: str, stalled_seconds: float) -> socket.socket:
    """A socket at `listen` (host:port); its connections end when their reader takes nothing."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, int(port)), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise AddressTaken(f"{listen} cannot be listened on: {error}.") from error
    # Each connection has it from the listener (RFC 5482). Closing would wait for what is not read.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(stalled_seconds * 1000))
    return listener


if __name__ == "__main__":
    sys.exit(main())
