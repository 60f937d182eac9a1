"""What is left to do when the configuration is written."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from bridge.cli.program import program
from bridge.config import env_file, locate
from bridge.config.models import HttpConfig
from bridge.domain.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bridge.cli.init.configuration import Answers


def next_steps(config: Path, answers: Answers, failing: Sequence[str], code: int) -> Iterator[str]:
    """List what is left to do.

    Args:
        config: What was written.
        answers: What it was written of.
        failing: The receivers that did not take their test event.
        code: The exit code that tells what came of the credentials.
    """
    env = config.parent / env_file.NAME
    if code == CredentialsError.exit_code:
        yield f"correct client_id in {config}, or the key in {env}, then: {_call(config, 'check', '--online')}"
    elif code:
        yield f"check the credentials once WbizTool answers: {_call(config, 'check', '--online')}"
    if not answers.receivers:
        yield f"add a receiver under `receivers:` in {config} (docs/receivers.md), then: {_call(config, 'check')}"
    for name in failing:
        yield f"fix the URL of {name} in {env}, or the receiver itself, then: {_call(config, 'test', name)}"
    yield f"start it: {_call(config, 'run')}   (Ctrl-C ends it; its page is http://{HttpConfig().listen})"


def _call(config: Path, *arguments: str) -> str:
    """Write a command so that it can be copied: the program as it was called, and the file where it isn't found."""
    usual = config == locate.PLACES[0] and locate.ENVIRONMENT_NAME not in os.environ
    return shlex.join([program(), *arguments, *([] if usual else ["-c", str(config)])])
