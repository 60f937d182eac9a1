"""What keeps a configuration from being adopted now, though it is right in itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bridge.config.errors import Fault, InvalidConfiguration, Place
from bridge.config.glob_patterns import LISTS, vanished
from bridge.daemon.credentials import try_credentials
from bridge.daemon.two_phase_change import Change
from bridge.domain.errors import CredentialsError, NotNowError

if TYPE_CHECKING:
    from bridge.config.models import Config
    from bridge.domain.clock import Clock
    from bridge.domain.observer import Listener
    from bridge.store.store import Store

INTRODUCED_WITHIN = timedelta(seconds=3)
"""The longest that is waited for WbizTool's word on the credentials. Then the polls will tell."""

_OTHER_ACCOUNT = (
    "the account can't change while the bridge runs: each account needs a database of its own. "
    "Set `database:` too, then restart the bridge"
)
_OTHER_ADDRESS = (
    "the API's address can't change while the bridge runs. If the account is the same, stop the bridge and run "
    "`wbiz-bridge poll --accept-base-url` once, then start it"
)


def check_change(before: Config, config: Config, clock: Clock, listener: Listener) -> Change:
    """Look for what a running bridge can't change, and for credentials that are refused.

    Raises:
        InvalidConfiguration: There is something.
    """
    faults = _unchangeable(before, config)
    if not faults and config.wbiztool.credentials != before.wbiztool.credentials:
        try:
            check_credentials(config, clock, listener)
        except CredentialsError as error:
            faults.append(Fault(Place(config.path, key="wbiztool"), str(error)))
    if faults:
        raise InvalidConfiguration(faults)
    return Change()


def check_lists(config: Config, store: Store, *, starting: bool) -> Change:
    """See that no list has vanished.

    Raises:
        InvalidConfiguration: One has.
        NotNowError: One has, before the start: a file system may still have to be mounted.
    """
    faults = vanished(config.sources.patterns, store.fact(LISTS))
    if faults and starting:
        raise NotNowError(*map(str, faults))
    if faults:
        raise InvalidConfiguration(faults)
    return Change()


def check_credentials(config: Config, clock: Clock, listener: Listener) -> None:
    """See whether WbizTool takes the credentials; if it can't be asked, the polls will tell.

    Raises:
        CredentialsError: It refuses them.
    """
    try:
        try_credentials(config.wbiztool, clock, INTRODUCED_WITHIN, attempts=config.poll.attempts)
    except NotNowError as error:
        listener.step_failed("trying the credentials", error)


def _unchangeable(before: Config, config: Config) -> list[Fault]:
    """List what a running bridge can't change."""
    old, new = before.wbiztool.account, config.wbiztool.account
    changed = (
        ("database", before.database != config.database, "another database needs a restart of the bridge"),
        ("control", before.control != config.control, "another socket for commands needs a restart of the bridge"),
        ("wbiztool.client_id", old.client_id != new.client_id, _OTHER_ACCOUNT),
        ("wbiztool.base_url", old.client_id == new.client_id and old.address != new.address, _OTHER_ADDRESS),
    )
    return [Fault(Place(config.path, key=key), what) for key, differs, what in changed if differs]
