"""How the bridge does: ``status``."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from bridge.cli import output
from bridge.cli.configuration import load_config
from bridge.cli.options import ConfigOption, JsonOption, command_app
from bridge.cli.status import describe, health_json
from bridge.config.errors import InvalidConfiguration
from bridge.domain.errors import BridgeError, ConfigurationError, OtherAccountError
from bridge.domain.health import judge, unreadable
from bridge.domain.model import AccountId
from bridge.domain.summary import Summary
from bridge.store.engine import shown as shown_url
from bridge.store.store import Store

app = command_app()


@app.command()
def status(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Show how the bridge does.

    Exit code 1 when something is wrong; 78 when the configuration is, though the bridge may go on with the one before.

    Example: wbiz-bridge status
    """
    wrong: ConfigurationError | None = None
    account: AccountId | None
    names: Sequence[str] | None = None
    warnings: Sequence[str] = ()
    try:
        settings = load_config(config)
        database, account = settings.database, settings.wbiztool.account
        names = [receiver.name for receiver in settings.receivers]
        warnings = settings.warnings()
    except InvalidConfiguration as error:
        if error.database is None:
            raise
        wrong, database, account = error, error.database, error.account
    summary: Summary | None = None
    try:
        with Store(database, account=account) as store:
            summary = store.listing.summary(finished=True)
        now = output.now()
        health = judge(summary, summary.receivers if names is None else names, now)
    except BridgeError as error:
        now = output.now()
        health = unreadable(error)
        wrong = error if isinstance(error, OtherAccountError) else wrong
    if as_json:
        more = {"database": shown_url(database), "warnings": list(warnings)}
        output.print_json(health_json(health, summary, now) | more)
    else:
        describe(health, summary, now)
        output.say(f"database   {shown_url(database)}")
        for warning in warnings:
            output.say(f"warning    {warning}")
    if wrong is not None:
        raise wrong
    if not health.ok:
        raise typer.Exit(1)
