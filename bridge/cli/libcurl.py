"""Which libcurl will do."""

from __future__ import annotations

import pycurl

_GOOD_LIBCURL = (8, 16)


def outdated_libcurl() -> list[str]:
    """Say what is wrong with a libcurl that is too old to reach a host whose first addresses are dead."""
    version = str(pycurl.version_info()[1])
    if tuple(int(part) for part in version.split("-", maxsplit=1)[0].split(".")[:2]) >= _GOOD_LIBCURL:
        return []
    return [f"libcurl {version} does not reach a host whose first addresses are dead: use 8.16 or newer"]
