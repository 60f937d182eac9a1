"""Faults in any section of a new configuration, or in any two: none of it is in force."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from bridge.simulator.api import Simulator
from bridge.simulator.sink import Sink
from tests.world.reloading import World

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

pytestmark = pytest.mark.chaos


@pytest.mark.timeout(300)
def test_faults_in_one_or_two_sections_change_nothing(tmp_path: Path) -> None:
    def one_or_two(sections: Collection[str]) -> Iterable[tuple[str, ...]]:
        return itertools.chain(itertools.combinations(sections, 1), itertools.combinations(sections, 2))

    with Simulator() as simulator, Sink() as sink:
        World(tmp_path, simulator, sink).assert_refused_whole(one_or_two)
