"""What is asked for a first configuration; the credentials are tried at once, while they can still be corrected."""

from __future__ import annotations

from bridge.cli import output, questions
from bridge.config.models import WbizToolConfig
from bridge.daemon.credentials import try_credentials
from bridge.domain.clock import SystemClock
from bridge.domain.errors import CredentialsError, NotNowError, UsageError
from bridge.receivers.slack.config import is_slack_workflow

_ATTEMPTS = 2


def account_of(number: int | None, key: str | None, address: str) -> WbizToolConfig:
    """Ask for what is None of an account, and put it together."""
    number = number or questions.ask("WbizTool client id", questions.client_id)
    key = key or questions.ask("WbizTool API key (not shown)", questions.api_key, hidden=True)
    return WbizToolConfig.model_validate({"client_id": number, "api_key": key, "base_url": address})


def introduce(account: WbizToolConfig, *, asks: bool) -> tuple[WbizToolConfig, int]:
    """Try the credentials. Where somebody can be asked, what WbizTool refuses may be corrected, or kept.

    Returns:
        The account, and the exit code that tells what came of it.
    """
    while True:
        try:
            name = try_credentials(account, SystemClock(), attempts=_ATTEMPTS)
        except CredentialsError as error:
            output.say(str(error), err=True)
            corrected = _corrected(account) if asks else account
            if corrected == account:
                return account, error.exit_code
            account = corrected
        except NotNowError as error:
            output.say(str(error), err=True)
            return account, error.exit_code
        else:
            output.say(f"WbizTool accepts the credentials{f' (account: {name})' if name else ''}")
            return account, 0


def ask_whom_to_tell() -> tuple[str | None, str | None]:
    """Ask where alerts go: the address of Slack's webhook, or else of a program; neither, to decide later."""
    return questions.ask(
        "Send alerts to: URL of a Slack webhook, or of your program (not shown; Enter to decide later)",
        alert_address,
        hidden=True,
    )


def alert_address(text: str) -> tuple[str | None, str | None]:
    """Tell Slack's address from a program's.

    Raises:
        ValueError: It is neither; the text says what is allowed.
    """
    if not text:
        return None, None
    if "@" in text and "://" not in text:
        raise ValueError("for mail, press Enter now and see docs/receivers.md (allowed here: https://host/…)")
    url = questions.webhook_url(text)
    return (None, url) if is_slack_workflow(url) is None else (questions.slack_url(url), None)


def program_url(text: str) -> str:
    """Read the address of a program, given as an argument.

    Raises:
        ValueError: It is none, or Slack's, which is a secret.
    """
    url = questions.webhook_url(text)
    if is_slack_workflow(url) is not None:
        raise ValueError(
            "a Slack webhook's URL is a secret, and every user can see arguments: use --slack-url-file FILE"
        )
    return url


def must_be_complete(number: int | None, key: str | None, address: str | None) -> None:
    """Check that nothing has to be asked.

    Raises:
        UsageError: Something is missing; all of it is in the text.
    """
    needed = {
        "--client-id NUMBER": number,
        "--api-key-file FILE (or $WBIZTOOL_API_KEY)": key,
        "--slack-url-file FILE (or $SLACK_WEBHOOK_URL) or --webhook URL": address,
    }
    missing = [words for words, given in needed.items() if given is None]
    if missing:
        raise UsageError(f"these options are missing: {'; '.join(missing)}")


def _corrected(account: WbizToolConfig) -> WbizToolConfig:
    number, key = account.client_id, account.api_key.get_secret_value()
    return account_of(
        questions.ask(f"WbizTool client id (Enter keeps {number})", questions.or_nothing(questions.client_id))
        or number,
        questions.ask(
            "WbizTool API key (not shown; Enter keeps it)", questions.or_nothing(questions.api_key), hidden=True
        )
        or key,
        account.base_url,
    )
