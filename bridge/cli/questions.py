"""What people are asked and scripts hand over: checked at once, in the words that the configuration has for it.

Nothing here shows what was typed: it may be a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from pydantic import SecretStr, TypeAdapter, ValidationError

from bridge.cli import output
from bridge.config.files import UnreadableError, read_bytes
from bridge.config.models import ApiKey, ClientId
from bridge.domain.errors import UsageError
from bridge.domain.settings import validators
from bridge.domain.text_format import EncodingError, decode
from bridge.receivers.slack.config import slack_url as must_be_slack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CLIENT_ID: TypeAdapter[int] = TypeAdapter(ClientId)
_API_KEY: TypeAdapter[SecretStr] = TypeAdapter(ApiKey)
_SLACK: TypeAdapter[SecretStr] = TypeAdapter(Annotated[SecretStr, validators.secret(must_be_slack)])
_WEBHOOK: TypeAdapter[SecretStr] = TypeAdapter(Annotated[SecretStr, validators.secret(validators.host_of)])
_LARGEST_SECRET = 64 * 1024

_Answer = TypeVar("_Answer")


def client_id(text: str) -> int:
    """Read a client id.

    Raises:
        ValueError: It is none; the text says what is allowed. As with all that follow.
    """
    return int(_checked(_CLIENT_ID, text))


def api_key(text: str) -> str:
    """Read an API key."""
    return _in_clear(_API_KEY, text)


def slack_url(text: str) -> str:
    """Read the address of a Slack webhook."""
    return _in_clear(_SLACK, text)


def webhook_url(text: str) -> str:
    """Read the address of a program that takes webhooks."""
    return _in_clear(_WEBHOOK, text)


def ask(question: str, check: Callable[[str], _Answer], *, hidden: bool = False) -> _Answer:
    """Ask until the answer can be used, saying what is allowed.

    Args:
        question: Without a colon.
        check: Reads the answer; raises ValueError where it cannot be used.
        hidden: The answer is not shown.
    """
    while True:
        text = str(typer.prompt(question, default="", show_default=False, hide_input=hidden)).strip()
        try:
            return check(text)
        except ValueError as error:
            output.say(f"  {error}", err=True)


def or_nothing(check: Callable[[str], _Answer]) -> Callable[[str], _Answer | None]:
    """Let an answer be left out."""
    return lambda text: check(text) if text else None


def given(name: str, text: str | None, check: Callable[[str], _Answer]) -> _Answer | None:
    """Check what an option or a variable holds, where it is given.

    Raises:
        UsageError: It cannot be used; ``name`` is in the text.
    """
    try:
        return None if text is None else check(text.strip())
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None


def given_secret(option: str, file: Path | None, check: Callable[[str], _Answer]) -> _Answer | None:
    """Check a secret that is in a file (or a pipe), where one is named: an argument could be seen by every user.

    Raises:
        UsageError: It cannot be read, or not be used.
    """
    if file is None:
        return None
    try:
        text = decode(read_bytes(file, _LARGEST_SECRET, pipe=True))
    except (UnreadableError, EncodingError) as error:
        raise UsageError(f"{option} {file}: {error}") from None
    return given(f"{option} {file}", text, check)


def _checked(adapter: TypeAdapter[Any], text: str) -> Any:
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        raise ValueError(str(error.errors(include_input=False, include_url=False)[0]["ctx"]["error"])) from None


def _in_clear(adapter: TypeAdapter[SecretStr], text: str) -> str:
    return str(_checked(adapter, text).get_secret_value())
