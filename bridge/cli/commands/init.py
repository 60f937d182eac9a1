"""The first configuration: ``init``."""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli import output, questions, receiver_test
from bridge.cli.configuration import load_config
from bridge.cli.init import configuration, interview
from bridge.cli.init.configuration import USUAL_URL, Answers
from bridge.cli.init.next_steps import next_steps
from bridge.cli.local_bridge import LocalBridge
from bridge.cli.new_file import write_new
from bridge.cli.options import command_app
from bridge.config import control_path, env_file, locate
from bridge.config.database_url import default_url
from bridge.config.models import WbizToolConfig
from bridge.domain.errors import BridgeError, UsageError
from bridge.domain.settings import validators
from bridge.receivers.signing import new_secret
from bridge.store.owner import check_file

if TYPE_CHECKING:
    from collections.abc import Callable

app = command_app()

_SAMPLE = "message.failed"
_INTRODUCTION = (
    "You need your client id and API key (in WbizTool: Settings → API keys), and a URL to send alerts to: of a Slack",
    "webhook (https://api.slack.com/messaging/webhooks), or of a program of yours.",
    "",
)


@app.command()
def init(
    client_id: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", envvar="WBIZTOOL_CLIENT_ID", help="Your WbizTool client id."),
    ] = None,
    api_key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", readable=False, help="Holds your API key. Default: $WBIZTOOL_API_KEY."),
    ] = None,
    slack_url_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", readable=False, help="Holds a Slack webhook's address. Default: $SLACK_WEBHOOK_URL."
        ),
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="A program that gets every event, by signed webhook.")
    ] = None,
    directory: Annotated[
        Path, typer.Option(metavar="FOLDER", readable=False, help="Where the two files go.", show_default="this folder")
    ] = Path(),
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="WbizTool's API at another address, a simulator's say.")
    ] = None,
    *,
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing: what is missing is an error.")] = False,
) -> None:
    """Write a first configuration, and try it.

    Asks for your WbizTool account and where alerts go, tries both, and writes config.yaml and .env, which holds your
    keys. Files that exist are never overwritten (exit code 1).

    Your answers are kept even if WbizTool refuses the credentials (exit code 77) or can't be reached (75).

    Example: wbiz-bridge init --client-id 123 --api-key-file key --slack-url-file slack-url
    """
    config, env = directory / locate.PLACES[0], directory / env_file.NAME
    _must_be_new(config, env)
    number = questions.given("--client-id", client_id, questions.client_id)
    key = questions.given_secret("--api-key-file", api_key_file, questions.api_key)
    key = key or _variable(configuration.API_KEY, questions.api_key)
    slack = questions.given_secret("--slack-url-file", slack_url_file, questions.slack_url)
    slack = slack or _variable(configuration.SLACK_URL, questions.slack_url)
    program = questions.given("--webhook", webhook, interview.program_url)
    address = questions.given("--base-url", base_url, validators.base_url) or USUAL_URL
    asks = sys.stdin.isatty() and not no_input
    if not asks:
        interview.must_be_complete(number, key, slack or program)
    _make(directory)
    if asks:
        output.say(*_INTRODUCTION)
    account, code = interview.introduce(interview.account_of(number, key, address), asks=asks)
    if slack is None and program is None:
        slack, program = interview.ask_whom_to_tell()
    answers = Answers(account, slack, program, new_secret(secrets.token_bytes(32)), own_database=_is_taken(account))
    _write(config, env, answers)
    failing = _failing(config, answers)
    steps = next_steps(config, answers, failing, code)
    output.say("", "Next:", *(f"  {place}. {step}" for place, step in enumerate(steps, 1)))
    raise typer.Exit(code or int(bool(failing)))


def _variable(name: str, check: Callable[[str], str]) -> str | None:
    return questions.given(f"${name}", os.environ.get(name) or None, check)


def _must_be_new(*files: Path) -> None:
    for file in files:
        if os.path.lexists(file):
            raise _there(file)
        if control_path.of_unit(file) is not None:
            folder = file.parent
            raise UsageError(
                f"{folder} belongs to a service, which gets its keys from systemd: use `wbiz-bridge service install`"
            )


def _there(file: Path) -> BridgeError:
    return BridgeError(
        f"{file} already exists and is never overwritten: edit it, or choose another folder with --directory"
    )


def _make(folder: Path) -> None:
    """Make a folder before anybody is asked: what was typed should not be lost."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BridgeError(f"{folder} can't be made: {error.strerror}") from None
    if not os.access(folder, os.W_OK):
        raise BridgeError(f"{folder} can't be written by this user: choose another folder with --directory")


def _is_taken(account: WbizToolConfig) -> bool:
    """Tell whether the usual database belongs to another account, or there can be none."""
    try:
        check_file(default_url(os.environ), account.account)
    except (BridgeError, ValueError):
        return True
    return False


def _write(config: Path, env: Path, answers: Answers) -> None:
    values = configuration.variables(answers)
    try:
        write_new(env, configuration.env_text(values), mode=0o600)
    except FileExistsError:
        raise _there(env) from None
    try:
        write_new(config, configuration.config_text(answers))
    except (BridgeError, FileExistsError) as error:
        env.unlink()
        raise (_there(config) if isinstance(error, FileExistsError) else error) from None
    output.say(f"Wrote {config}, and {env} with your keys (only you can read it).")
    for name, value in values.items():
        if os.environ.get(name, value) != value:
            output.say(f"warning: ${name} has another value in this shell, which wins over {env}", err=True)


def _failing(config: Path, answers: Answers) -> list[str]:
    """Send each receiver a test event, and return the names of those that did not take it."""
    if not answers.receivers:
        return []
    if answers.webhook_url is not None:
        output.say(
            f"Put this secret into your program: webhooks to {configuration.WEBHOOK} are signed with it "
            "(docs/webhooks.md shows how to verify them).",
            answers.signing_secret,
        )
    for warning in load_config(config).warnings():
        output.say(f"warning: {warning}", err=True)
    with closing(LocalBridge(config, killed=False)) as bridge:
        tests = [bridge.test(name, _SAMPLE) for name in answers.receivers]
    for made in tests:
        receiver_test.show(made)
    return [made["receiver"] for made in tests if not receiver_test.is_delivered(made)]
