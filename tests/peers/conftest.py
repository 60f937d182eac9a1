"""What these tests share: a simulated WbizTool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.simulator.api import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """An account of its own for each test."""
    with Simulator() as running:
        yield running
