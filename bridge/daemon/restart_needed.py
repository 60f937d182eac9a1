"""What of the configuration a running bridge can't change. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config.errors import Fault, Place

if TYPE_CHECKING:
    from bridge.config.models import Config

_OTHER_ACCOUNT = (
    "the account can't change while the bridge runs: each account needs a database of its own. "
    "Set `database:` too, then restart the bridge"
)
_OTHER_ADDRESS = (
    "the API's address can't change while the bridge runs. If the account is the same, stop the bridge and run "
    "`wbiz-bridge poll --accept-base-url` once, then start it"
)


def unchangeable(before: Config, config: Config) -> list[Fault]:
    """List what a running bridge can't change."""
    old, new = before.wbiztool.account, config.wbiztool.account
    changed = (
        ("database", before.database != config.database, "another database needs a restart of the bridge"),
        ("control", before.control != config.control, "another socket for commands needs a restart of the bridge"),
        ("wbiztool.client_id", old.client_id != new.client_id, _OTHER_ACCOUNT),
        ("wbiztool.base_url", old.client_id == new.client_id and old.address != new.address, _OTHER_ADDRESS),
    )
    return [Fault(Place(config.path, key=key), what) for key, differs, what in changed if differs]
