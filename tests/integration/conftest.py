"""What these tests share: a simulated WbizTool, and somebody who is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.simulator.api import Simulator
from bridge.simulator.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """An account of its own for each test."""
    with Simulator() as running:
        yield running


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A receiver that takes everything."""
    with Sink() as running:
        yield running
