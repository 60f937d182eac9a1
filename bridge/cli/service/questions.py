"""What an operator may answer, at a prompt or in a file: each is checked while it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from bridge.config.files import EncodingError, UnreadableError, decode, read_bytes
from bridge.domain.errors import UsageError
from bridge.domain.settings import validators

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LARGEST = 64 * 1024


def read_client_id(text: str) -> int | None:
    """Read a client id; None where nothing was entered.

    Raises:
        typer.BadParameter: It is none.
    """
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise typer.BadParameter("that is not a client id (allowed: a whole number, as WbizTool shows it)")
    return int(text)


def read_api_key(text: str) -> str:
    """Read an API key; empty where nothing was entered.

    Raises:
        typer.BadParameter: It can't be one.
    """
    return _checked(text, validators.line)


def read_slack_url(text: str) -> str:
    """Read the address of a Slack webhook; empty where nothing was entered.

    Raises:
        typer.BadParameter: It is no address.
    """
    return _checked(text, validators.webhook_url)


def read_file(file: Path | None, check: Callable[[str], str]) -> str:
    """Read an answer from a file; empty where none is named.

    Raises:
        UsageError: It can't be read, is empty, or holds something else. The text holds nothing of it.
    """
    if file is None:
        return ""
    try:
        found = check(decode(read_bytes(file, _LARGEST, pipe=True)))
    except (UnreadableError, EncodingError, typer.BadParameter) as error:
        raise UsageError(f"{file}: {error}") from None
    if not found:
        raise UsageError(f"{file}: the file is empty")
    return found


def _checked(text: str, check: Callable[[str], object]) -> str:
    text = text.strip()
    if text:
        try:
            check(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    return text
