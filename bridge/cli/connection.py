"""The bridge that a command speaks of: the daemon, or, where none runs, its database."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from bridge.cli.find_daemon import Missing, Wanted, find
from bridge.cli.options import ConfigOption

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, tzinfo


class Bridge(Protocol):
    """What commands ask of a bridge. Answers are JSON, as docs/api.md describes it."""

    def status(self) -> dict[str, Any]:
        """Tell how it does, with all counts."""
        ...

    @property
    def timezone(self) -> tzinfo:
        """Return the zone in which people read and write times: the configured one, else this machine's."""
        ...

    def messages(self, status: str | None, most: int) -> list[dict[str, Any]]:
        """List messages, those with the latest change first."""
        ...

    def events(self, message_id: int | None, most: int) -> list[dict[str, Any]]:
        """List the latest events, oldest first."""
        ...

    def export(self, what: str, wanted: dict[str, Any], take: Callable[[bytes], None]) -> None:
        """Write ``messages`` or ``events`` as CSV, piece by piece.

        Args:
            what: Which of them.
            wanted: The parameters of ``GET /v1/messages.csv``, or of events.
            take: Gets the pieces.
        """
        ...

    def follow(self, message_id: int | None, most: int) -> Iterator[dict[str, Any]]:
        """Give the latest events, and then those that happen, without end."""
        ...

    def deliveries(self, state: str | None, receiver: str | None, most: int) -> list[dict[str, Any]]:
        """List deliveries with their attempts, the newest first."""
        ...

    def retry(self, ids: Sequence[int], receiver: str | None, since: datetime | None) -> int:
        """Send dead letters again: those that are all that is given. Returns how many."""
        ...

    def watch(self, messages: Sequence[dict[str, Any]]) -> dict[str, list[int]]:
        """Watch messages: all of them, or none."""
        ...

    def unwatch(self, ids: Sequence[int]) -> dict[str, list[int]]:
        """Stop watching messages."""
        ...

    def test(self, receiver: str, type_: str) -> dict[str, Any]:
        """Send a test event to a receiver."""
        ...

    def report(self, wanted: dict[str, str]) -> dict[str, Any]:
        """Add up what became of messages; ``wanted`` may have ``since``, ``until`` and ``by``.

        Raises:
            UsageError: The period can't be, or no message of it has the tag.
        """
        ...

    def incidents(self, *, acknowledged: bool, most: int) -> list[dict[str, Any]]:
        """List what is wrong now, the newest first; what is acknowledged only if it is asked for."""
        ...

    def acknowledge(self, subjects: Sequence[str], given: dict[str, Any]) -> dict[str, list[str]]:
        """Acknowledge incidents; ``given`` may have ``note`` and ``by``. Returns what became of each subject."""
        ...

    def mute(self, receiver: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """Mute a receiver.

        Raises:
            UsageError: There is no such receiver.
        """
        ...

    def unmute(self, receiver: str) -> dict[str, Any]:
        """End a receiver's mute; raises as :meth:`mute` does."""
        ...

    def preview(self, receiver: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """Show what a receiver would be sent for an event."""
        ...

    def resend(self, wanted: dict[str, Any]) -> int:
        """Send again what was delivered. Returns how many deliveries are queued."""
        ...

    def back_up(self, file: Path, *, force: bool) -> int:
        """Copy the database to a file, and return the copy's size in bytes."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


Connect = Callable[[], AbstractContextManager[Bridge]]
"""What a command calls when it has read its arguments."""

_Server = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The URL of a remote bridge. Default: $WBIZ_BRIDGE_SERVER.", show_default=False),
]
_TokenFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="With --server: a file with its http.token. Default: $WBIZ_BRIDGE_TOKEN_FILE."),
]
_Control = Annotated[Path | None, typer.Option(metavar="PATH", help="The daemon's socket, if not at its usual path.")]
_Instance = Annotated[str | None, typer.Option(metavar="NAME", help="The service wbiz-bridge@NAME.")]
_OPTIONS = {
    "config": ConfigOption,
    "server": _Server,
    "token_file": _TokenFile,
    "control": _Control,
    "instance": _Instance,
}


def connected(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what connects it to the bridge as its first argument, and the options that say to which one."""

    @wraps(command)
    def run(context: typer.Context, **given: Any) -> None:
        said = {name: value for name in _OPTIONS if (value := given.pop(name)) is not None}
        earlier = context.obj if isinstance(context.obj, Wanted) else Wanted()  # before a subcommand's name
        context.obj = wanted = replace(earlier, **said)
        if "context" in own:
            given["context"] = context
        command(lambda: connect(wanted), **given)

    _, *rest = inspect.signature(command, eval_str=True).parameters.values()
    own = {parameter.name for parameter in rest}
    named = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(name, named, default=None, annotation=kind) for name, kind in _OPTIONS.items()]
    context = inspect.Parameter("context", named, annotation=typer.Context)
    shown = [each.replace(kind=named) for each in rest if each.name != "context"]
    run.__signature__ = inspect.Signature([context, *shown, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {}  # the signature has them
    return run


@contextmanager
def connect(wanted: Wanted) -> Iterator[Bridge]:
    """Connect to the daemon that is meant; where none runs for a configuration, to its database.

    Raises:
        UsageError: It cannot be told which one is meant, or this user may not ask it.
        NoDaemonError: Nobody answers where a daemon was said to be.
        ConfigurationError: None was named, and there is no configuration that names one.
    """
    found = find(wanted, os.environ)
    # Only one of the two is imported: what the database takes, a command beside a daemon does without.
    if isinstance(found, Missing):
        bridge: Bridge = import_module("bridge.cli.local_bridge").LocalBridge(wanted.config, killed=found.killed)
    else:
        bridge = import_module("bridge.cli.remote_bridge").RemoteBridge(found)
    with closing(bridge):
        yield bridge
