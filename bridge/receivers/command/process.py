"""Talks with a program that runs: writes to it, reads from it, notices its end, and signals its process group."""

from __future__ import annotations

import os
import selectors
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import signal
    import subprocess
    from collections.abc import Iterator

OUTPUT_KEPT: Final = 64 * 1024
"""Bytes of what a program says that are kept; the rest is read and dropped, so that it can go on."""

_PIECE = 64 * 1024
_LOOK = 0.05  # seconds between looks for the program's end, on systems that can't tell of it


def converse(child: subprocess.Popen[bytes], body: bytes, output: bytearray, seconds: float) -> bool:
    """Write to the program and read from it until it ends. False if it did not within that time.

    One that closes its standard input early has read enough. What still holds its output open, after it, is not waited
    for.
    """
    deadline = time.monotonic() + seconds
    with closing(selectors.DefaultSelector()) as selector, _waking_at_end(child, selector) as patience:
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
def _waking_at_end(child: subprocess.Popen[bytes], selector: selectors.BaseSelector) -> Iterator[float]:
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


def signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to the program and what it started, as far as they are there."""
    with suppress(ProcessLookupError, PermissionError):  # PermissionError: it runs as somebody else by now
        os.killpg(child.pid, number)
