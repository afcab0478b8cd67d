"""The HTTP API of the platform that runs in a home, as the commands of this machine use it."""

import http.client
import json
import shutil
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import deploy
from deploy.embedded.home import Home, State
from foundation.errors import Invalid, MusterError, NotFound, NotPermitted, Refused, Unavailable
from foundation.settings import Settings

_PATIENCE_SECONDS = 30.0
_FAMILIES: dict[int, type[MusterError]] = {
    400: Invalid,
    401: NotPermitted,
    403: NotPermitted,
    404: NotFound,
    409: Refused,
    412: Refused,
    422: Invalid,
}


class NotUp(Refused):
    """Muster does not run in this home."""

    code = "not_running"
    remedy = "Start it with `./muster up`, or name its home with --home."


class NoCredentials(Refused):
    """The home's credentials file is not there."""

    code = "no_credentials"
    remedy = "Run the command as the user who started Muster, or restore credentials.json."


def home_at(given: Path | None, chosen: Settings) -> Home:
    """The home that was named, or the one of this checkout."""
    checkout = Path(deploy.__file__).resolve().parent.parent
    home = Home(given or chosen.home or checkout / ".muster")
    home.check_format()
    return home


def running(home: Home) -> State:
    """What runs in the home; raises `NotUp` when nothing does."""
    if home.supervisor() is None:
        raise NotUp(f"Muster does not run in {home.path}.")
    return home.read_state()


def credentials(home: Home) -> dict[str, Any]:
    """The first passwords and keys of the home."""
    try:
        document: dict[str, Any] = json.loads(home.credentials_file.read_text("utf-8"))
    except OSError:
        raise NoCredentials(f"{home.credentials_file} cannot be read.") from None
    return document


@dataclass(frozen=True, slots=True)
class Door:
    """The API at `base`, entered with a key; `ca_file` signs its certificate if it has TLS."""

    base: str
    key: str = field(repr=False)
    ca_file: str | None = None

    @classmethod
    def of(cls, home: Home) -> "Door":
        """The API of a running home, with the key of its credentials file."""
        state = running(home)
        return cls(state.api, credentials(home)["api_key"], state.ca_file)

    def url(self, path: str, **query: str) -> str:
        """The address of a resource below `/api/v1`."""
        asked = f"?{urllib.parse.urlencode(query)}" if query else ""
        return f"{self.base}/api/v1/{path}{asked}"

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """A resource; raises the family of error that the API answers with."""
        return self._ask(urllib.request.Request(self.url(path, **query)))  # noqa: S310

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Create something; raises the family of error that the API answers with."""
        request = urllib.request.Request(self.url(path), method="POST")  # noqa: S310 - our own API
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        return self._ask(request)

    def send(self, path: str, file: Path, **query: str) -> dict[str, Any]:
        """Send a file as it is; raises the family of error that the API answers with."""
        with file.open("rb") as body:
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Length": str(file.stat().st_size),
            }
            request = urllib.request.Request(  # noqa: S310
                self.url(path, **query), body, headers, method="POST"
            )
            return self._ask(request)

    def fetch(self, path: str, into: BinaryIO, *, method: str = "GET", **query: str) -> None:
        """Write what the API answers into an open file, as it comes."""
        request = urllib.request.Request(self.url(path, **query), method=method)  # noqa: S310
        with self._open(request) as answer:
            shutil.copyfileobj(answer, into)

    def _ask(self, request: urllib.request.Request) -> dict[str, Any]:
        with self._open(request) as answer:
            document: dict[str, Any] = json.load(answer)
        return document

    @contextmanager
    def _open(self, request: urllib.request.Request) -> Iterator[BinaryIO]:
        request.add_header("Authorization", f"Bearer {self.key}")
        tls = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else None
        try:
            with urllib.request.urlopen(  # noqa: S310
                request, timeout=_PATIENCE_SECONDS, context=tls
            ) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            raise _problem(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"The API at {self.base} does not answer ({error}).") from None


def _problem(error: urllib.error.HTTPError) -> MusterError:
    """The problem details of an answer as an error of ours, with what they say of fields."""
    with error:
        text = error.read()
    try:
        told: dict[str, Any] = json.loads(text)
    except ValueError:
        told = {}
    family = _FAMILIES.get(error.code, Unavailable)
    detail = told.get("detail", f"The API answered {error.code}.")
    places = [
        f"{place.get('pointer') or place.get('parameter')}: {place['detail']}"
        for place in told.get("errors", [])
    ]
    return family(" ".join([detail, *places]), remedy=told.get("remedy"))
