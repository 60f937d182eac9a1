"""Is the configuration valid: ``check``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bridge.cli import output
from bridge.cli.configuration import load_config
from bridge.cli.libcurl import outdated_libcurl
from bridge.cli.options import ConfigOption, JsonOption, command_app
from bridge.config.errors import Fault, InvalidConfiguration
from bridge.daemon.credentials import try_bots, try_credentials
from bridge.domain.clock import SystemClock
from bridge.store.database_check import try_database
from bridge.store.engine import shown as shown_url
from bridge.store.owner import check_file

app = command_app()


@app.command()
def check(
    config: ConfigOption = None,
    *,
    online: Annotated[
        bool, typer.Option("--online", help="Also try the credentials with WbizTool and Slack, and open the database.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the configuration.

    Lists every error with its line (exit code 78). Shows the database, which must belong to this account.

    Example: wbiz-bridge check --online
    """
    try:
        settings = load_config(config)
    except InvalidConfiguration as error:
        if as_json:
            output.print_json({"faults": [_as_json(fault) for fault in error.faults]})
        raise
    check_file(settings.database, settings.wbiztool.account)
    found = try_database(settings.database, settings.wbiztool.account) if online else None
    account, bots = None, {}
    if online:
        account = try_credentials(settings.wbiztool, SystemClock(), attempts=settings.poll.attempts)
        bots = try_bots(settings, SystemClock())
    if as_json:
        shown: dict[str, Any] = {
            "configuration": str(settings.path),
            "database": shown_url(settings.database),
            "messages": len(settings.watchlist),
            "receivers": list(settings.receiver_names),
            "faults": [],
            "warnings": [*settings.warnings(), *outdated_libcurl()],
        }
        output.print_json(shown | ({"account": account, "slack": bots, "database_state": found} if online else {}))
        return
    names = ", ".join(settings.receiver_names)
    listed = f"{len(settings.watchlist)} message{'' if len(settings.watchlist) == 1 else 's'} listed"
    more = ", plus everything the account sends" if settings.discover.report else ""
    output.say(f"{settings.path} is valid: {listed}{more}; receivers: {names}")
    output.say(f"database: {shown_url(settings.database)}{f' {found}' if found else ''}")
    for warning in (*settings.warnings(), *outdated_libcurl()):
        output.say(f"warning: {warning}", err=True)
    if online:
        output.say(f"WbizTool accepts the credentials{f' (account: {account})' if account else ''}")
        channels = {each.name: each.thread_channel for each in settings.receivers}
        for name, bot in bots.items():
            output.say(
                f"Slack accepts the token of receiver {name} ({bot}); "
                f"only `wbiz-bridge test {name}` tries the channel, {channels[name]}"
            )


def _as_json(fault: Fault) -> dict[str, Any]:
    place = fault.place
    return {
        "file": str(place.file),
        "line": place.line,
        "column": place.column,
        "key": place.key or None,
        "message": fault.what,
        "excerpt": list(fault.excerpt),
    }
