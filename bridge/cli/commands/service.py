"""The service: ``service install``, ``service uninstall``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli import output
from bridge.cli.options import command_app
from bridge.cli.service import plan, preflight, unit_file
from bridge.cli.service.actions import InstallError, Run, carry_out, describe
from bridge.cli.service.paths import Layout
from bridge.cli.service.preflight import obstacle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.cli.service.actions import Step
    from bridge.cli.service.plan import Answers, Found
    from bridge.cli.service.preflight import Place

app = command_app(name="service", no_args_is_help=True, help="Install the bridge as a systemd service, or remove it.")

_SYSTEM = Path("/")
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
_Instance = Annotated[
    str | None,
    typer.Option(
        "--instance",
        metavar="NAME",
        help="For one of several accounts: the service wbiz-bridge@NAME, with a configuration, keys and history apart.",
        show_default=False,
    ),
]
_Root = Annotated[
    Path,
    typer.Option(
        "--root",
        metavar="FOLDER",
        readable=False,
        help="Do it to the system in this folder (an image, say): files only, no command is run.",
        show_default=False,
    ),
]


@app.command()
def install(
    client_id: Annotated[
        int | None, typer.Option(metavar="NUMBER", min=1, help="Your WbizTool client id.", show_default=False)
    ] = None,
    *,
    instance: _Instance = None,
    start: Annotated[bool, typer.Option("--start", help="Start it too, if nothing is left to fill in.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a unit that was changed by hand.")] = False,
    dry_run: _DryRun = False,
    root: _Root = _SYSTEM,
) -> None:
    """Install this bridge as a systemd service, or bring the service to this version.

    It writes the unit, a configuration to fill in, and files for the keys that only root can read. On a terminal it
    asks for what belongs into them. What is there already stays as it is; only the unit is rewritten.

    Example: sudo /opt/wbiz-bridge/bin/wbiz-bridge service install
    """
    layout = Layout(instance)
    _must_be_root(dry_run=dry_run, root=root)
    here = preflight.here()
    if root == _SYSTEM:
        _must_be_in_sight(here)
    found, template = plan.look(layout, root), unit_file.shipped(layout)
    wanted = unit_file.render(template, here.program, layout)
    unit_steps = plan.plan_unit(layout, found, wanted, template, force=force)  # before any question: it may be refused
    answers = plan.Answers(client_id)
    if sys.stdin.isatty() and not dry_run:
        answers = _ask(layout, found, answers)
    gaps = plan.gaps(layout, found, answers)
    steps = plan.plan_install(layout, found, answers, unit_steps, start=start and not gaps)
    _carry_out(steps, root, dry_run=dry_run)
    if not dry_run and (gaps or not start):
        output.say("", "What is left to do:")
        for number, sentence in enumerate(plan.left_to_do(layout, found, gaps, here.program), 1):
            output.say(f"  {number}. {sentence}")


@app.command()
def uninstall(
    *,
    instance: _Instance = None,
    purge: Annotated[
        bool, typer.Option("--purge", help="Remove configuration, keys and history too. There is no way back.")
    ] = False,
    dry_run: _DryRun = False,
    root: _Root = _SYSTEM,
) -> None:
    """Stop the service and remove it.

    Configuration, keys and history stay where they are, for the next time.

    Example: sudo /opt/wbiz-bridge/bin/wbiz-bridge service uninstall
    """
    layout = Layout(instance)
    _must_be_root(dry_run=dry_run, root=root)
    found = plan.look(layout, root)
    steps = plan.plan_uninstall(layout, found, template=unit_file.shipped(layout), purge=purge)
    if not steps:
        output.say("No service is installed.")
    _carry_out(steps, root, dry_run=dry_run)


def _must_be_root(*, dry_run: bool, root: Path) -> None:
    if root == _SYSTEM and not dry_run and os.geteuid() != 0:
        raise InstallError("only root can do that: put sudo before it. To see what it would do: --dry-run.")


def _must_be_in_sight(here: Place) -> None:
    found = obstacle(here)
    if found is not None:
        raise InstallError(f"a service cannot run this bridge: {found}")


def _ask(layout: Layout, found: Found, answers: Answers) -> Answers:
    """Ask for what is missing. Who just presses Enter puts it into its file later."""
    output.say("What you don't have at hand, leave empty: it can be put into its file later.")
    client_id, api_key, slack_url = answers.client_id, "", ""
    if layout.config not in found.present and client_id is None:
        client_id = typer.prompt("WbizTool client id", default=0, show_default=False, type=int) or None
    if layout.api_key not in found.filled:
        api_key = _secret("WbizTool API key (not shown)")
    if layout.slack_url not in found.filled:
        slack_url = _secret("Slack webhook URL (not shown)")
    return plan.Answers(client_id, api_key, slack_url)


def _secret(question: str) -> str:
    return str(typer.prompt(question, default="", show_default=False, hide_input=True)).strip()


def _carry_out(steps: Sequence[Step], root: Path, *, dry_run: bool) -> None:
    for step in steps:
        if root != _SYSTEM and isinstance(step, Run):
            continue
        output.say(describe(step))
        if not dry_run:
            carry_out([step], root)
