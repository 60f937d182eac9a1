"""Listings as CSV: ``--csv`` and ``--raw``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bridge.cli import output
from bridge.cli.arguments import whole_number
from bridge.cli.connection import Connect
from bridge.cli.options import MOST_SHOWN
from bridge.domain.errors import UsageError

DEFAULT_MOST = 50
"""How many rows a listing shows."""

MostOption = Annotated[
    int | None,
    typer.Option(
        "-n",
        "--limit",
        metavar="N",
        parser=whole_number(1, MOST_SHOWN),
        help=f"Show at most this many. Default: {DEFAULT_MOST}; with --csv, all.",
    ),
]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print a table for spreadsheets.")]
RawOption = Annotated[
    bool,
    typer.Option(
        "--raw", help="With --csv: no apostrophe before what a spreadsheet would take for a formula; times in UTC."
    ),
]


def check(*, as_csv: bool, raw: bool, **others: bool) -> None:
    """Refuse options that contradict each other.

    Raises:
        UsageError: Some do.
    """
    if raw and not as_csv:
        raise UsageError("--raw goes with --csv")
    wrong = [name for name, given in others.items() if given]
    if as_csv and wrong:
        raise UsageError(f"--csv and --{wrong[0]} do not go together: keep one")


def print_csv(connect: Connect, what: str, **wanted: Any) -> None:
    """Print messages or events as CSV; ``wanted`` are parameters of the API. What is not raw is for people's clocks."""
    wanted["local"] = not wanted["raw"]
    with connect() as bridge:
        bridge.export(what, wanted, output.table_writer())
