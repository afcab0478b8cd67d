"""The event loop of the bridge's process, and both wires of its session."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

from broker_bridge import mqtt5_link, paho_link
from broker_bridge.session import Carry

WIRES: dict[str, Carry] = {"mqtt5": mqtt5_link.carry, "paho": paho_link.carry}


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """uvloop, as in the process."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(params=list(WIRES))
def carry(request: pytest.FixtureRequest) -> Carry:
    """One wire after the other."""
    return WIRES[request.param]
