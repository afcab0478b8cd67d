"""A proxy between apt and the machine's own mirror that spoils or stalls what it carries."""

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

Carry = Callable[[str, bytes], Iterator[bytes]]


@contextmanager
def proxied(carry: Carry, directory: Path) -> Iterator[Path]:
    """An apt configuration whose proxy passes every package file through `carry(url, body)`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            upstream = http.client.HTTPConnection(url.netloc, timeout=30)
            wanted = {k: v for k, v in self.headers.items() if k in {"Range", "If-Range", "Host"}}
            upstream.request("GET", url.path, headers=wanted)
            answer = upstream.getresponse()
            body = answer.read()
            upstream.close()
            self.send_response(answer.status)
            for name in ("Last-Modified", "Content-Range", "ETag"):
                if value := answer.headers.get(name):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):  # apt was killed, or has had enough
                for part in carry(self.path, body):
                    self.wfile.write(part)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    configuration = directory / "proxy.conf"
    configuration.write_text(
        f'Acquire::http::Proxy "http://127.0.0.1:{server.server_port}";\n'
        "Acquire::http::Pipeline-Depth 0;\n",
        "utf-8",
    )
    try:
        yield configuration
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """Takes it calmly that apt is killed in the middle."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a connection that was cut."""


def unreachable(directory: Path) -> Path:
    """An apt configuration whose only mirror refuses connections."""
    (directory / "gone.list").write_text("deb http://127.0.0.1:9/debian trixie main\n", "utf-8")
    (directory / "parts").mkdir(exist_ok=True)
    configuration = directory / "gone.conf"
    configuration.write_text(
        f'Dir::Etc::sourcelist "{directory}/gone.list";\n'
        f'Dir::Etc::sourceparts "{directory}/parts";\n',
        "utf-8",
    )
    return configuration
