"""The list of alerts: at most one for each ``by``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config.models import AlertConfig
from bridge.config.section_reader import names
from bridge.config.yaml_reader import BROKEN, Value

if TYPE_CHECKING:
    from bridge.config.errors import Faults, Place
    from bridge.config.section_reader import Sections

_FORM = "`- {failing: 20%, of: 50, within: 15m}`"


def read_alerts(value: Value, sections: Sections, faults: Faults) -> tuple[AlertConfig, ...]:
    """Read the list. Those that are wrong are noted and not returned."""
    if value.data is None or value.data is BROKEN:
        return ()
    if not isinstance(value.data, list):
        faults.add(value.place, f"must be a list, each alert beginning with a dash: {_FORM}")
        return ()
    first: dict[str | None, Place] = {}
    found = []
    for item in value.data:
        if not isinstance(item.data, dict):
            if item.data is not BROKEN:
                faults.add(item.place, f"must be an alert: {_FORM}")
            continue
        alert = sections.model(item, AlertConfig, sections.read(item, names(AlertConfig)))
        if alert is None:
            continue
        before = first.setdefault(alert.by, item.place)
        if before is not item.place:
            whose = "all messages" if alert.by is None else alert.by
            place = item.place if alert.by is None else item.data["by"].place
            faults.add(place, f"there is an alert for {whose} already (in line {before.line}); keep one")
        found.append(alert)
    return tuple(found)
