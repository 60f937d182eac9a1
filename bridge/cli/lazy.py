"""The root's commands, known by name and one line of help, so that only the one that is asked for is imported."""

from __future__ import annotations

import gc
from functools import cache
from importlib import import_module
from typing import Any

import typer.main
from typer.core import TyperCommand, TyperGroup

COMMANDS = {
    "init": "Write a first configuration, and try it.",
    "run": "Run the daemon.",
    "poll": "Run one pass and exit, for cron.",
    "check": "Check the configuration.",
    "test": "Send a test event to a receiver and show its answer.",
    "status": "Show the bridge's status.",
    "demo": "Try it without an account.",
    "dev": "Develop a receiver against a simulated WbizTool.",
    "trigger": "Trigger an event in `dev`.",
    "watch": "Watch messages from now on.",
    "unwatch": "Stop polling messages that `watch` added.",
    "messages": "List messages and their status.",
    "events": "List events.",
    "report": "Add up what was sent, what failed, and why.",
    "deliveries": "List deliveries.",
    "incidents": "List what is wrong now, newest first.",
    "ack": "Acknowledge what is wrong.",
    "mute": "Hold what a receiver would be sent, for a while.",
    "unmute": "End a receiver's mute.",
    "route": "Show which receivers would get an event.",
    "render": "Show what a receiver would be sent for an event.",
    "schema": "Show the JSON Schema of events or of the configuration.",
    "backup": "Back up the database while the bridge runs.",
    "move": "Copy a SQLite database to PostgreSQL.",
    "secret": "Create the secrets that sign webhooks.",
    "service": "Install or remove the bridge as a systemd service.",
}
"""Each command and the first line of its help, in the order of the help. Its module in `commands/` has its name."""


@cache
def load(name: str) -> Any:
    """Import a command's module, and return the command."""
    gc.disable()  # nothing that an import makes is garbage, and looking for it costs a tenth of a start
    try:
        return typer.main.get_command(import_module(f"bridge.cli.commands.{name}").app)
    finally:
        gc.enable()


class LazyGroup(TyperGroup):
    """Lists commands from the table, for help, completion and suggestions; the one that is called is imported."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = {name: TyperCommand(name, help=line) for name, line in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the command that the arguments name, and import it."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed and load(str(listed.name)), rest
