"""One machine with a real systemd for all of these tests; on it, a bridge that each test installs and removes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.simulator.api import Simulator
from bridge.simulator.sink import Sink
from tests.world.machine import Machine, what_is_missing
from tests.world.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine that has booted."""
    missing = what_is_missing()
    if missing is not None:
        pytest.skip(f"not on this platform: {missing}")
    with Machine(tmp_path_factory.mktemp("machine")) as booted:
        yield booted


@pytest.fixture
def service(machine: Machine) -> Iterator[Service]:
    """A service that is installed, configured for message 1, and not started yet."""
    with Simulator() as simulator, Sink() as sink:
        service = Service(machine, simulator, sink)
        service.install()
        service.watch(1)
        try:
            yield service
        finally:
            sink.release()
            service.remove()
