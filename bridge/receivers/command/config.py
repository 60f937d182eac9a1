"""What the configuration may say of a program.

What :mod:`bridge.domain.settings.validators` says of secrets and of ValueErrors holds here, too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from bridge.domain.settings import validators
from bridge.domain.settings.check import Check
from bridge.domain.settings.units import Rate  # noqa: TC001 -- pydantic reads it
from bridge.domain.settings.validators import line
from bridge.receivers.base_config import ReceiverConfig


def argument(value: object) -> str:
    """Allow what can be an argument of a program."""
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 -- see the module's docstring
    return value and line(value)


def program(command: tuple[str, ...]) -> tuple[str, ...]:
    """Allow a command whose program can be run, as far as that can be seen from here."""
    path = Path(command[0])
    if not path.is_absolute():
        raise ValueError("the program must be named by its whole path: /usr/local/bin/…")
    try:
        exists, is_file = path.exists(), path.is_file()
    except OSError as error:
        raise ValueError(f"the program cannot be looked at: {error.strerror}") from None
    if not exists:
        raise ValueError("there is no such program (a service sees no home folders)")
    if not is_file or not os.access(path, os.X_OK):
        raise ValueError("this is not a program that may be run (chmod +x)")
    return command


class CommandReceiverConfig(ReceiverConfig):
    """A program of this machine, run for each event. ``command`` is its path, and its arguments."""

    command: Annotated[
        tuple[Annotated[str, Check(argument, json_schema={"type": "string"})], ...],
        Field(min_length=1),
        AfterValidator(program),
    ]
    rate_limit: Annotated[Rate, validators.rate()] | None = None
    concurrency: Annotated[int, validators.whole(1, 100)] = 1

    @property
    def files_for_each(self) -> int:
        """Its pipes, both ends while it starts, and what tells of its end."""
        return 8
