"""Which file is the configuration: the one that was named, or the first at the usual places."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bridge.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        f"no configuration found: neither -c FILE nor ${ENVIRONMENT_NAME} is set, and {looked} do not exist "
        "(`wbiz-bridge init` writes one)"
    )
