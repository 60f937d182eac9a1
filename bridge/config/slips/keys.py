"""The keys of the configuration, as far as a file must be understood that cannot be parsed.

A test compares them with the models. A key that is missing here is taken for one that may hold a secret.
"""

from __future__ import annotations

from typing import Final

_CONTAINERS = (
    "wbiztool receivers poll discover numbers http heartbeat log tls match not group batch intervals mention alerts "
    "quiet summary"
)
_HARMLESS = """
client_id timeout rate_limit concurrency messages id label tags expected_at include name events status error settle wait
by max color who channel format success verify every until attempts unknown_after linger stuck_after stop_after report
at days relaxed by_number watch listen hook_watch retention level failing of within from to timezone except hold remind
"""
_SECRETS = "api_key slack webhook apprise secret url token hook_token proxy key_password database"
_OTHERS = "command control headers body content_type base_url api_url external_url ca_file cert_file key_file"

CONTAINERS: Final = frozenset(_CONTAINERS.split())
"""Keys under which there are only other keys."""

HARMLESS: Final = CONTAINERS | frozenset(_HARMLESS.split())
"""Keys whose values can be shown: no secret belongs there."""

FILES: Final = frozenset(f"{key}_file" for key in _SECRETS.split())
"""Keys whose values name a file with a secret; by mistake, they may be the secret itself."""

KNOWN: Final = HARMLESS | FILES | frozenset([*_SECRETS.split(), *_OTHERS.split()])
"""All keys."""
