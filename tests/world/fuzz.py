"""How much of what a strategy makes is taken: a test in which anything may be refused passes if all of it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis import strategies as st


def share_of(strategy: st.SearchStrategy[Any], taken: Callable[[Any], bool], examples: int = 100) -> float:
    """Return the share of a strategy's examples, the same ones each time, that are taken."""
    found: list[bool] = []

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def look(example: Any) -> None:
        found.append(taken(example))

    look()
    return sum(found) / len(found)
