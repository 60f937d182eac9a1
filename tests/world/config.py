"""The configuration that most tests of the daemon start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.simulator.sink import Sink
from tests.world.daemon import account

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bridge.simulator.api import Simulator


def bridge_config(
    simulator: Simulator, receivers: Sink | Iterable[Mapping[str, Any]], messages: Iterable[object] = (), **more: Any
) -> dict[str, Any]:
    """Poll a simulator four times a second, and tell receivers what happens.

    Args:
        simulator: Stands in for WbizTool.
        receivers: They, or a sink: then there is one, ``crm``, and it gets every event.
        messages: What is listed to be watched.
        more: Other sections, and those that replace the ones here. What is None is left out.
    """
    sections = {
        "wbiztool": account(simulator),
        "poll": {"every": "250ms", "attempts": 1},
        "messages": list(messages),
        "database": "sqlite:///bridge.db",
        "receivers": [webhook(receivers)] if isinstance(receivers, Sink) else list(receivers),
        **more,
    }
    return {name: section for name, section in sections.items() if section is not None}


def webhook(sink: Sink, name: str = "crm", **more: object) -> dict[str, Any]:
    """A receiver that gets every event, unless ``more`` says otherwise."""
    return {"name": name, "webhook": f"{sink.url}?{name}", "events": ["*"], **more}
