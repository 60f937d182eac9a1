"""Faults in any two sections of a new configuration: none of it is in force."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from bridge.simulator import Simulator
from bridge.simulator.sink import Sink
from tests.world.reloading import World

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.chaos


def test_faults_in_any_two_sections_change_nothing(tmp_path: Path) -> None:
    with Simulator() as simulator, Sink() as sink:
        World(tmp_path, simulator, sink).assert_refused_whole(lambda sections: itertools.combinations(sections, 2))
