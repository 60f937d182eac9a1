"""The configuration: read, checked, and told about in the words of the person who wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bridge.config.external import External
from bridge.config.faults import Fault, InvalidConfiguration, Place
from bridge.config.kinds import (
    AppriseReceiverConfig,
    Batch,
    CommandReceiverConfig,
    Group,
    ReceiverConfig,
    SlackReceiverConfig,
    WebhookReceiverConfig,
)
from bridge.config.listen import Listen
from bridge.config.load import load
from bridge.config.schema import (
    Config,
    HeartbeatConfig,
    HttpConfig,
    LogConfig,
    PollConfig,
    WbizToolConfig,
)
from bridge.config.units import Rate, parse_duration
from bridge.config.watchlist import Watchlist
from bridge.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AppriseReceiverConfig",
    "Batch",
    "CommandReceiverConfig",
    "Config",
    "External",
    "Fault",
    "Group",
    "HeartbeatConfig",
    "HttpConfig",
    "InvalidConfiguration",
    "Listen",
    "LogConfig",
    "Place",
    "PollConfig",
    "Rate",
    "ReceiverConfig",
    "SlackReceiverConfig",
    "Watchlist",
    "WbizToolConfig",
    "WebhookReceiverConfig",
    "find",
    "load",
    "parse_duration",
]

ENVIRONMENT_NAME = "WBIZ_BRIDGE_CONFIG"
PLACES = (Path("config.yaml"), Path("/etc/wbiz-bridge/config.yaml"))


def find(option: Path | None, environ: Mapping[str, str]) -> Path:
    """Say which file is the configuration.

    Raises:
        ConfigurationError: None was named, and there is none at the usual places.
    """
    if option is not None:
        return option
    if environ.get(ENVIRONMENT_NAME):
        return Path(environ[ENVIRONMENT_NAME])
    for place in PLACES:
        # Not exists(), which fails where a folder can't be looked into; reading the file then says so with its name.
        try:
            place.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            pass
        return place
    looked = " and ".join(str(place) for place in PLACES)
    raise ConfigurationError(
        f"there is no configuration: neither -c FILE nor ${ENVIRONMENT_NAME} names one, and {looked} do not exist "
        "(README.md shows ten lines to begin with)"
    )
