"""Options that several commands have, and what each command's app is made with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.cli.arguments import whole_number


def command_app(**more: Any) -> typer.Typer:
    """Make the app of one command, or of a group of them."""
    return typer.Typer(
        add_completion=False,  # the root has it
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        **more,
    )


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--config",
        metavar="FILE",
        readable=False,  # reading it says in words what is wrong, with the right exit code; typer shows a usage text
        help="The configuration. Default: $WBIZ_BRIDGE_CONFIG, ./config.yaml, /etc/wbiz-bridge/config.yaml.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
MOST_SHOWN = 1_000_000
"""The most that a listing shows."""

MostOption = Annotated[
    int,
    typer.Option("-n", "--limit", metavar="N", parser=whole_number(1, MOST_SHOWN), help="Show at most this many."),
]
NewAddressOption = Annotated[
    bool,
    typer.Option(
        "--accept-base-url",
        help="Needed once after `wbiztool.base_url` changed: confirms that the account is still the same.",
    ),
]
