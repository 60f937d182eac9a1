"""The status of a bridge of which no daemon answers here: from its configuration, and from its database."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bridge.cli import output
from bridge.cli.configuration import load_config
from bridge.config.errors import InvalidConfiguration
from bridge.domain.errors import BridgeError, OtherAccountError
from bridge.domain.health import judge, unreadable
from bridge.domain.json_views import status_json, summaries_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo
    from pathlib import Path

    from bridge.config.models import Config
    from bridge.domain.summary import Summary


class NoDatabaseError(BridgeError):
    """There is no database yet. The daemon makes it."""


def local_status(config: Path | None, database: str, read: Callable[[], Summary], zone: tzinfo) -> dict[str, Any]:
    """Tell how it does, with all counts.

    Args:
        config: The option ``-c``.
        database: Its name.
        read: Reads what is known there.
        zone: In which words tell of times.

    Raises:
        OtherAccountError: The database belongs to another account.
    """
    settings: Config | None = None
    more: dict[str, Any] = {"database": database, "warnings": []}
    try:
        settings = load_config(config)
        more |= {"configuration": str(settings.path.absolute()), "warnings": list(settings.warnings())}
    except InvalidConfiguration as error:
        more["configuration_faults"] = list(map(str, error.faults))
    summary: Summary | None = None
    now = output.now()
    try:
        summary = read()
        names = summary.receivers if settings is None else settings.receiver_names
        health = judge(summary, names, now, zone)
    except OtherAccountError:
        raise
    except NoDatabaseError as error:
        health = unreadable(error)
        more["daemon"] = {"running": False, "seen_at": None}
    except BridgeError as error:
        health = unreadable(error)
    if summary is not None and settings is not None and any(each.summary for each in settings.receivers):
        # Only where it is needed: it takes a part of the scheduler.
        next_summaries = import_module("bridge.daemon.summary_watch").next_summaries
        more["summaries"] = summaries_json(next_summaries(settings, summary.facts, now))
    return status_json(health, summary, now, zone) | more
