"""Runs a program for each event: the event on its standard input, ids in its environment, its exit code the answer.

No shell, no event data among its arguments (every user of the machine sees those), no secret of the bridge in its
environment. It and what it starts form a process group, which ends with it, with its time, or with the bridge.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from bridge.domain.clock import isoformat
from bridge.domain.outcome import Dead, Delivered, Retry
from bridge.receivers.command.process import converse, signal_group
from bridge.receivers.event_formats import STANDARD
from bridge.receivers.protocol import Handed
from bridge.receivers.sender import BlockingSender
from bridge.receivers.text import one_line
from bridge.receivers.wording import error_of, label_of, statuses_of
from bridge.transport.message import StoppedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from bridge.domain.model import Event
    from bridge.domain.outcome import Outcome
    from bridge.receivers.command.config import CommandReceiverConfig
    from bridge.receivers.protocol import Identity

TRY_AGAIN: Final = os.EX_TEMPFAIL
"""The exit code, 75, with which a program asks to be run again later."""

GRACE: Final = 1.0
"""Seconds between the request to end (SIGTERM) and the end (SIGKILL) of a program whose time is over."""

LAST_GRACE: Final = 0.5
"""The same where it is the bridge that ends."""

_LONGEST_VALUE = 1000  # characters of a variable
_SAID = 300  # characters of a reason
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PASSING = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})


class CommandSender(BlockingSender):
    """Leads to a program of this machine.

    Args:
        name: The name that the configuration gives the receiver.
        command: The program's path, and its arguments.
        timeout: How long one run may take; then it is asked to end, and ended a second later.
    """

    def __init__(self, name: str, command: Sequence[str], timeout: timedelta) -> None:
        self.name = name
        self._command = tuple(command)
        self._timeout = timeout.total_seconds()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._changed = threading.Condition()
        self._closed = False

    def hand_over(self, events: Sequence[Event]) -> Handed:
        """Run the program once, for exactly one event."""
        (event,) = events
        body, variables = STANDARD.one(event).body, environment(event, self.name, os.environ)
        try:
            child = self._start(variables)
        except OSError as error:
            return Handed(_not_started(error))
        output = bytearray()
        try:
            in_time = converse(child, body, output, self._timeout)
            if not in_time:
                signal_group(child, signal.SIGTERM)
                converse(child, b"", output, GRACE)
        finally:
            self._end(child)
        said = output.decode("utf-8", "replace")
        if not in_time:
            return Handed(Retry(f"the program took longer than {self._timeout:g} s and was ended"), said)
        return Handed(read_exit(child.returncode, said), said)

    def preview(self, events: Sequence[Event], at: datetime) -> dict[str, Any]:  # noqa: ARG002 -- of the protocol; a program gets no time
        """Show the command line, the environment and the standard input."""
        (event,) = events
        return {
            "command": list(self._command),
            "environment": environment(event, self.name, os.environ),
            "input": STANDARD.one(event).body.decode(),
        }

    def close(self) -> None:
        """End the programs that still run, and start no more."""
        with self._changed:
            self._closed = True
            for child in self._running:
                signal_group(child, signal.SIGTERM)
            self._changed.wait_for(lambda: not self._running, LAST_GRACE)
            for child in self._running:
                signal_group(child, signal.SIGKILL)

    def _start(self, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self._changed:
            if self._closed:
                raise StoppedError("the bridge was stopped")
            child = subprocess.Popen(  # noqa: S603 -- what to run is in the configuration, and no shell reads it
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                cwd="/",
                env=variables,
                start_new_session=True,
            )
            self._running.add(child)
            return child

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        """Leave nothing of its group running. Until it is waited for, its process id is no other's."""
        with self._changed:
            signal_group(child, signal.SIGKILL)
            # One that became somebody else (sudo) can't be ended by us: it must not keep the others from their turn.
            with suppress(subprocess.TimeoutExpired):
                child.wait(GRACE)
            self._running.discard(child)
            self._changed.notify_all()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()


def environment(event: Event, receiver: str, ours: Mapping[str, str]) -> dict[str, str]:
    """Write a program's environment: ids as ``WBIZ_…``, each one line, empty where there is none; little else. Pure.

    ``WBIZ_BRIDGE_TEST`` is there for a test only, so that who looks whether it is there takes no real event for one.

    Args:
        event: What happened.
        receiver: The receiver's name.
        ours: The bridge's own environment, of which it gets where programs and its home are, and the language.
    """
    previous, status = statuses_of(event)
    values = {
        "EVENT_ID": event.id,
        "EVENT_TYPE": str(event.type),
        "EVENT_TIME": isoformat(event.at),
        "RECEIVER": receiver,
        "MESSAGE_ID": event.message_id,
        "STATUS": status,
        "PREVIOUS_STATUS": previous,
        "LABEL": label_of(event),
        "ERROR": error_of(event),
    }
    marks = {"WBIZ_BRIDGE_TEST": event.test, "WBIZ_BRIDGE_RESENT": event.resent}
    return {
        "PATH": ours.get("PATH") or _PATH,
        "HOME": ours.get("HOME") or "/",
        "LANG": ours.get("LANG") or "C.UTF-8",
        **{f"WBIZ_{key}": one_line(value)[:_LONGEST_VALUE] for key, value in values.items()},
        **{name: "1" for name, marked in marks.items() if marked},
    }


def read_exit(code: int, said: str) -> Outcome:
    """Say what an exit code means for the delivery. Pure.

    Args:
        code: As :mod:`subprocess` has it: negative for a signal.
        said: What the program wrote; its last line is part of the reason.
    """
    lines = [line for line in map(one_line, said.splitlines()) if line]
    words = f": {lines[-1][:_SAID]}" if lines else ""
    if code == 0:
        return Delivered()
    if code == TRY_AGAIN:
        return Retry(f"exit code {code}, try again{words}")
    if code < 0:
        return Retry(f"the program was ended by {_signal_name(-code)}{words}")
    return Dead(f"exit code {code}{words}", about_event=True)


def _not_started(error: OSError) -> Outcome:
    """Say why a program can't be run. It may be there again, or be allowed, before the event is given up."""
    if error.errno in _PASSING:
        return Retry(f"the system cannot start a program now: {error.strerror}", quick=True)
    hint = ""
    if isinstance(error, PermissionError):
        hint = " (under systemd, look at the drop-ins in systemd/README.md)"
    elif isinstance(error, FileNotFoundError):
        hint = " (the program itself, or the one that its first line names)"
    return Retry(f"the program cannot be run: {error.strerror}{hint}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def make_sender(settings: CommandReceiverConfig, identity: Identity) -> CommandSender:
    """Build it as the configuration says."""
    del identity
    return CommandSender(settings.name, settings.command, settings.timeout)
