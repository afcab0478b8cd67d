"""Whatever is asked of the API, by whom: no fault of ours, and no answer that is not described.

`MUSTER_TEST_FUZZ=100` looks a hundred times as long.
"""

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from deploy.embedded.postgres import Cluster
from foundation.settings import Settings
from registry.scope import Role
from tests.api.asked import check_words
from tests.api.parted import FILES, KEYS, REFUSED, SESSIONS, TERMINALS, USERS, Caller, Parted
from tests.conftest import copy_of

LONGER = int(os.environ.get("MUSTER_TEST_FUZZ", "1"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
UNLIMITED = {
    f"limit_{kind}": "off" for kind in ("read", "change", "expensive", "client", "address")
}
# Things that there are, by the noun of the address.
NAMES: dict[str, list[Any]] = {
    "terminals": [*TERMINALS, "METER-1"],
    "group-clients": [*FILES],
    "users": [*USERS],
    "api-keys": [*KEYS],
    "quarantine": [*map(int, REFUSED)],
    "profiles": ["smart_meter"],
    "regions": [320500],
    "me": [*SESSIONS.values()],
}
# A client's refused attempt is told with the name that it typed, whoever has a thing of that name,
# or nobody. Where nobody has typed any, the matrix looks for words of others here, too.
REPEATS_WHAT_WAS_TYPED = "/api/v1/audit"
LONGEST_ADDRESS = 60_000
HURRIED = settings(
    deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


@contextmanager
def serving(database_url: str) -> Iterator[str]:
    """The application on a port of its own; its address."""
    settings_ = Settings.model_validate(UNLIMITED | {"database_url": database_url})
    server = uvicorn.Server(
        uvicorn.Config(create_app(settings_), port=0, lifespan="on", log_config=None, ws="none")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def address(cluster: Cluster, parted_country: Parted) -> Iterator[str]:
    """The API on a copy of the parted country, which is asked to be changed."""
    with copy_of(cluster, parted_country.world.database.name) as copy, serving(copy.api) as url:
        yield url


@pytest.fixture(scope="module")
def described(address: str) -> BaseSchema:
    """What the API says of itself, which takes seconds the first time."""
    httpx.get(f"{address}/openapi.json", timeout=120).raise_for_status()
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


@pytest.mark.timeout(900)  # every operation, many times
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_a_described_one(
    described: BaseSchema, parted_country: Parted, mode: GenerationMode
) -> None:
    """Asked as described and otherwise, each thing by every role on both sides."""

    @settings(HURRIED, max_examples=2 * LONGER)
    @given(data=st.data())
    def asked(data: st.DataObject, operation: APIOperation[Any, Any, Any, Any]) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        if len(case.as_curl_command()) > LONGEST_ADDRESS:
            return  # no HTTP to the server, which says so in words of its own
        names = NAMES.get(operation.path.split("/")[3]) if operation.path.count("/") > 3 else None
        if names and case.path_parameters and mode is GenerationMode.POSITIVE:
            first = next(iter(case.path_parameters))
            case.path_parameters[first] = data.draw(st.sampled_from(names))
        for caller in some(parted_country.callers):
            answer = case.call(headers=credential(caller))
            case.validate_response(answer, checks=CHECKS)
            if not operation.path.startswith(REPEATS_WHAT_WAS_TYPED):
                request = unquote(case.as_curl_command())
                check_words(parted_country.words, caller, answer.text, request)

    for operation in operations(described):
        with contextlib.suppress(Unsatisfiable):  # nothing in it could be asked otherwise
            asked(operation=operation)


@pytest.mark.parametrize("who", ["admin.everything", "operator.zhejiang", "client_admin.transit"])
def test_what_was_made_is_asked_for_again(
    described: BaseSchema, parted_country: Parted, who: str
) -> None:
    """Requests that follow each other: what one answered is what the next one names."""
    [caller] = [caller for caller in parted_country.callers if caller.name == who]

    class Following(described.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return {"headers": credential(caller)}

        def validate_response(self, response: Any, case: Case[Any], **_: Any) -> None:
            case.validate_response(response, checks=CHECKS)

    run_state_machine_as_test(
        Following, settings=settings(HURRIED, max_examples=4 * LONGER, stateful_step_count=10)
    )


def some(callers: Sequence[Caller]) -> list[Caller]:
    """Every role, and of those that command both sides."""
    commanding = (Role.OPERATOR, Role.CLIENT_ADMIN)
    first = {caller.role: caller for caller in reversed(callers)}
    return [c for c in callers if c.role in commanding or first[c.role] is c]


def credential(caller: Caller) -> dict[str, str]:
    """What a caller shows at the door."""
    return {"Authorization": f"Bearer {caller.key}"} if caller.key else {}


def operations(described: BaseSchema) -> Iterator[APIOperation[Any, Any, Any, Any]]:
    """Everything that can be asked."""
    for result in described.get_all_operations():
        assert isinstance(result, Ok)
        yield result.ok()
