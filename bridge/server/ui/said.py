"""What became of the forms, said once on the page that follows: its address has a word for each. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.server.ui import acknowledging, muting, watching
from bridge.server.ui.flash import Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.server.ui.trying import Results


def said(address: Mapping[str, str], results: Results) -> tuple[Notice, ...]:
    """Read it from the parameters of an address. As :file:`static/script.js` knows them, which removes them again."""
    readers: Mapping[str, Callable[[str], Notice | None]] = {
        "retried": Notice.read,
        "ack": acknowledging.acknowledged,
        "mute": muting.NOTICES.get,
        "removed": watching.removed,
        "polled": watching.POLLED.get,
        "tested": results.read,
    }
    found = (read(address[name]) for name, read in readers.items() if name in address)
    return tuple(notice for notice in found if notice is not None)
