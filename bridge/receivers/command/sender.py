"""Runs a program for each event: the event on its standard input, ids in its environment, its exit code the answer.

No shell, no event data among its arguments (every user of the machine sees those), no secret of the bridge in its
environment. It and what it starts form a process group, which ends with it, with its time, or with the bridge.
"""

from __future__ import annotations

import errno
import os
import selectors
import signal
import subprocess
import threading
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from bridge.domain.clock import isoformat
from bridge.domain.model import Dead, Delivered, Retry
from bridge.receivers.event_formats import STANDARD
from bridge.receivers.protocol import Handed
from bridge.receivers.sender import BlockingSender
from bridge.receivers.text import one_line
from bridge.receivers.wording import error_of, label_of, state_of
from bridge.transport.message import StoppedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from bridge.domain.clock import Clock
    from bridge.domain.model import Event, Outcome
    from bridge.receivers.command.config import CommandReceiverConfig
    from bridge.receivers.protocol import Identity

TRY_AGAIN: Final = os.EX_TEMPFAIL
"""The exit code, 75, with which a program asks to be run again later."""

OUTPUT_KEPT: Final = 64 * 1024
"""Bytes of what a program says that are kept; the rest is read and dropped, so that it can go on."""

GRACE: Final = 1.0
"""Seconds between the request to end (SIGTERM) and the end (SIGKILL) of a program whose time is over."""

LAST_GRACE: Final = 0.5
"""The same where it is the bridge that ends."""

_PIECE = 64 * 1024
_LOOK = 0.05  # seconds between looks for the program's end, on systems that can't tell of it
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

    def hand_over(self, events: Sequence[Event], clock: Clock) -> Handed:  # noqa: ARG002 -- of the protocol; waits are the system's
        """Run the program once, for exactly one event."""
        (event,) = events
        body, variables = STANDARD.one(event).body, environment(event, self.name, os.environ)
        try:
            child = self._start(variables)
        except OSError as error:
            return Handed(_not_started(error))
        output = bytearray()
        try:
            in_time = _converse(child, body, output, self._timeout)
            if not in_time:
                _signal_group(child, signal.SIGTERM)
                _converse(child, b"", output, GRACE)
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
                _signal_group(child, signal.SIGTERM)
            self._changed.wait_for(lambda: not self._running, LAST_GRACE)
            for child in self._running:
                _signal_group(child, signal.SIGKILL)

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
            _signal_group(child, signal.SIGKILL)
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
    told = {
        "EVENT_ID": event.id,
        "EVENT_TYPE": str(event.type),
        "EVENT_TIME": isoformat(event.at),
        "RECEIVER": receiver,
        "MESSAGE_ID": event.message_id,
        "STATUS": state_of(event, "current").get("status"),
        "PREVIOUS_STATUS": state_of(event, "previous").get("status"),
        "LABEL": label_of(event),
        "ERROR": error_of(event),
    }
    marks = {"WBIZ_BRIDGE_TEST": event.test, "WBIZ_BRIDGE_RESENT": event.resent}
    return {
        "PATH": ours.get("PATH") or _PATH,
        "HOME": ours.get("HOME") or "/",
        "LANG": ours.get("LANG") or "C.UTF-8",
        **{f"WBIZ_{key}": one_line(value)[:_LONGEST_VALUE] for key, value in told.items()},
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


def _converse(child: subprocess.Popen[bytes], body: bytes, output: bytearray, seconds: float) -> bool:
    """Write to the program and read from it until it ends. False if it did not within that time.

    One that closes its standard input early has read enough. What still holds its output open, after it, is not waited
    for.
    """
    deadline = time.monotonic() + seconds
    with closing(selectors.DefaultSelector()) as selector, _told_of_end(child, selector) as patience:
        _register(child, selector, memoryview(body))
        while not _has_ended(child):
            rest = deadline - time.monotonic()
            if rest <= 0:
                return False
            for key, _ in selector.select(min(rest, patience)):
                if key.fileobj is child.stdin:
                    _go_on_writing(child, selector, key.data)
                elif key.fileobj is child.stdout and not _read(child, output):
                    selector.unregister(key.fileobj)
        while _read(child, output) and time.monotonic() < deadline:  # what it said last
            pass
    return True


def _register(child: subprocess.Popen[bytes], selector: selectors.BaseSelector, body: memoryview) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    os.set_blocking(child.stdout.fileno(), False)
    selector.register(child.stdout, selectors.EVENT_READ)
    if body and not child.stdin.closed:
        os.set_blocking(child.stdin.fileno(), False)
        selector.register(child.stdin, selectors.EVENT_WRITE, body)
    else:
        child.stdin.close()


def _go_on_writing(child: subprocess.Popen[bytes], selector: selectors.BaseSelector, left: memoryview) -> None:
    assert child.stdin is not None
    left = _write(child, left)
    if left:
        selector.modify(child.stdin, selectors.EVENT_WRITE, left)
    else:
        selector.unregister(child.stdin)
        child.stdin.close()


@contextmanager
def _told_of_end(child: subprocess.Popen[bytes], selector: selectors.BaseSelector) -> Iterator[float]:
    """Let the selector wake at the program's end; give the longest wait between looks for it."""
    try:
        descriptor = os.pidfd_open(child.pid)
    except OSError:  # an old kernel, or a filter of system calls
        yield _LOOK
        return
    try:
        selector.register(descriptor, selectors.EVENT_READ)
        yield float("inf")
    finally:
        os.close(descriptor)


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    """Look whether it has ended, without taking its exit code: till then, its process id is kept for it."""
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _write(child: subprocess.Popen[bytes], left: memoryview) -> memoryview:
    assert child.stdin is not None
    try:
        return left[os.write(child.stdin.fileno(), left[:_PIECE]) :]
    except BlockingIOError:
        return left
    except BrokenPipeError:
        return left[:0]


def _read(child: subprocess.Popen[bytes], output: bytearray) -> bool:
    """Read what is there. False where nothing more comes, or nothing now."""
    assert child.stdout is not None
    try:
        piece = os.read(child.stdout.fileno(), _PIECE)
    except BlockingIOError:
        return False
    output += piece[: OUTPUT_KEPT - len(output)]
    return bool(piece)


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # PermissionError: it runs as somebody else by now
        os.killpg(child.pid, number)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def make_sender(settings: CommandReceiverConfig, identity: Identity) -> CommandSender:
    """Build it as the configuration says."""
    del identity
    return CommandSender(settings.name, settings.command, settings.timeout)
