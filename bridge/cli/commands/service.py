"""The service: ``service install``, ``service uninstall``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli import output, questions
from bridge.cli.options import command_app
from bridge.cli.questions import or_nothing
from bridge.cli.service import plan, preflight, unit_file
from bridge.cli.service.actions import InstallError, Run, carry_out, describe
from bridge.cli.service.paths import Layout
from bridge.cli.service.preflight import obstacle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.cli.service.actions import Step
    from bridge.cli.service.plan import Answers, Found
    from bridge.cli.service.preflight import Place

app = command_app(name="service", no_args_is_help=True, help="Install or remove the bridge as a systemd service.")

_SYSTEM = Path("/")
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
_Instance = Annotated[
    str | None,
    typer.Option(
        "--instance",
        metavar="NAME",
        help="One of several accounts: the service wbiz-bridge@NAME, with its own configuration, keys and history.",
        show_default=False,
    ),
]
_Root = Annotated[
    Path,
    typer.Option(
        "--root",
        metavar="FOLDER",
        readable=False,
        help="Work on the system in this folder (such as an image): only files are changed, and no commands are run.",
        show_default=False,
    ),
]


@app.command()
def install(
    client_id: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Your WbizTool client id.", show_default=False)
    ] = None,
    *,
    api_key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A file with your WbizTool API key, for scripts.", show_default=False),
    ] = None,
    slack_url_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A file with your Slack webhook URL.", show_default=False),
    ] = None,
    instance: _Instance = None,
    start: Annotated[
        bool, typer.Option("--start", help="Start the service too. Exit code 1 if something is missing or invalid.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a unit that was changed by hand.")] = False,
    dry_run: _DryRun = False,
    root: _Root = _SYSTEM,
) -> None:
    """Install this bridge as a systemd service, or update the service to this version.

    Writes the unit, a configuration template, and key files that only root can read. On a terminal, it asks for the
    keys; scripts pass them as options. Existing files are kept; only the unit is rewritten. To change a key that is
    already set, edit its file.

    Examples: sudo /opt/wbiz-bridge/bin/wbiz-bridge service install
    · … install --client-id 123 --api-key-file key.txt --slack-url-file slack.txt --start
    """
    layout = Layout(instance)
    _must_be_root(dry_run=dry_run, root=root)
    here = preflight.here()
    if root == _SYSTEM:
        _must_be_in_sight(here)
    found, template = plan.look(layout, root), unit_file.shipped(layout)
    wanted = unit_file.render(template, here.program, layout)
    unit_steps = plan.plan_unit(layout, found, wanted, template, force=force)  # before any question: it may be refused
    answers = plan.Answers(
        questions.given("--client-id", client_id, questions.client_id),
        questions.given_secret("--api-key-file", api_key_file, questions.api_key) or "",
        questions.given_secret("--slack-url-file", slack_url_file, questions.slack_url) or "",
    )
    if sys.stdin.isatty() and not dry_run:
        answers = _ask(layout, found, answers)
    gaps = plan.gaps(layout, found, answers)
    _carry_out(plan.plan_install(layout, found, answers, unit_steps), root, dry_run=dry_run)
    if dry_run:
        _carry_out(plan.plan_start(layout) if start and not gaps else (), root, dry_run=True)
        return
    faults = [] if gaps else preflight.faults(layout, root)
    if start and not gaps and not faults:
        _carry_out(plan.plan_start(layout), root, dry_run=False)
        return
    output.say("", "Next steps:")
    for number, sentence in enumerate(plan.left_to_do(layout, found, gaps, faults, here.program), 1):
        output.say(f"  {number}. {sentence}")
    if start:
        raise InstallError("the service was not started: see above")


@app.command()
def uninstall(
    *,
    instance: _Instance = None,
    purge: Annotated[
        bool, typer.Option("--purge", help="Also remove configuration, keys and history. This cannot be undone.")
    ] = False,
    dry_run: _DryRun = False,
    root: _Root = _SYSTEM,
) -> None:
    """Stop the service and remove it.

    Configuration, keys and history are kept for the next installation.

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
        raise InstallError("this needs root: run it with sudo. To see what it would do, use --dry-run.")


def _must_be_in_sight(here: Place) -> None:
    found = obstacle(here)
    if found is not None:
        raise InstallError(f"a service cannot run this bridge: {found}")


def _ask(layout: Layout, found: Found, answers: Answers) -> Answers:
    """Ask for what is missing. Who just presses Enter puts it into its file later."""
    output.say("Leave empty what you don't have at hand: you can put it into its file later.")
    client_id, api_key, slack_url = answers.client_id, answers.api_key, answers.slack_url
    if layout.config not in found.present and client_id is None:
        client_id = questions.ask("WbizTool client id", or_nothing(questions.client_id))
    if layout.api_key not in found.filled and not answers.api_key:
        api_key = questions.ask("WbizTool API key (not shown)", or_nothing(questions.api_key), hidden=True) or ""
    if layout.slack_url not in found.filled and not answers.slack_url:
        slack_url = questions.ask("Slack webhook URL (not shown)", or_nothing(questions.slack_url), hidden=True) or ""
    return plan.Answers(client_id, api_key, slack_url)


def _carry_out(steps: Sequence[Step], root: Path, *, dry_run: bool) -> None:
    for step in steps:
        if root != _SYSTEM and isinstance(step, Run):
            continue
        output.say(describe(step))
        if not dry_run:
            carry_out([step], root)
