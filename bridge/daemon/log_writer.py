"""Writes the log from a thread of its own: a log that can't be written, or that nobody reads, must not stop the work.

Lines wait in a bounded queue, and where writing fails it is tried again each second. Lines that the queue can't hold
are lost and counted; a line in their place says how many, once the log can be written again.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CAPACITY = 4 * 1024 * 1024
"""Bytes that may wait to be written: some 15,000 lines."""

RETRY_AFTER = 1.0
"""Seconds between two tries to write where the log can't be written."""

_BATCH = 64 * 1024
"""Bytes written at once: to give the interpreter's lock away and get it back for each line would be too slow."""


class LogWriter:
    """Writes lines to a file descriptor, in order. Safe to use from several threads; none of them waits for it.

    Args:
        descriptor: Where to. It is duplicated: a number that is closed and used again would be somebody else's file.
        report: Renders the line that stands for lost ones, given how many they are and why; None for no such line.
        capacity: Bytes that may wait.
    """

    def __init__(
        self, descriptor: int, report: Callable[[int, str], bytes | None], *, capacity: int = CAPACITY
    ) -> None:
        self.report = report
        self.lost = 0
        """How many lines were lost so far."""
        self._descriptor = os.dup(descriptor)
        self._capacity = capacity
        # Re-entrant: the garbage collector may run in here, and let something be logged.
        self._changed = threading.Condition(threading.RLock())
        self._queue: deque[bytes] = deque()
        self._size = 0
        self._gap = 0
        self._gap_why = ""
        self._in_hand = b""
        self._why = ""
        self._closing = False
        # A daemon thread: one that waits for a reader must not hold up the end of the process.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many lines wait to be written. It grows while the log can't be written."""
        with self._changed:
            return len(self._queue) + self._in_hand.count(b"\n")

    def write(self, line: bytes) -> None:
        """Let a line be written, which is given without its end."""
        with self._changed:
            # After a loss, half of the queue must be free: else lost lines and reports of them would alternate.
            room = self._capacity // 2 if self._gap else self._capacity
            if self._closing or self._size + len(line) >= room:
                self.lost += 1
                self._gap += 1
                self._gap_why = self._why or "more was logged than could be written"
                self._changed.notify_all()
                return
            self._end_gap()
            self._put(line)
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until everything is written, for this many seconds at most; return whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._queue or self._in_hand or self._gap), seconds)

    def close(self, seconds: float) -> None:
        """Write what is left, within this many seconds. What is logged after that is lost."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(seconds)

    def _put(self, line: bytes) -> None:
        self._queue.append(line + b"\n")
        self._size += len(line) + 1

    def _end_gap(self) -> None:
        if self._gap:
            report = self.report(self._gap, self._gap_why)
            self._gap = 0
            if report is not None:
                self._put(report)

    def _run(self) -> None:
        while self._take():
            try:
                self._write()
                self._why = ""
            except OSError as error:
                self._why = error.strerror or type(error).__name__
                with self._changed:
                    if self._closing:
                        break
                    self._changed.wait_for(lambda: self._closing, RETRY_AFTER)
        os.close(self._descriptor)

    def _take(self) -> bool:
        """Take the next lines in hand, unless there are some; wait for them. False where it is time to end."""
        with self._changed:
            while not self._in_hand:
                if not self._queue:
                    self._end_gap()
                if self._queue:
                    self._in_hand = self._batch()
                elif self._closing:
                    return False
                else:
                    self._changed.notify_all()
                    self._changed.wait()
            return True

    def _batch(self) -> bytes:
        lines, size = [], 0
        while self._queue and size < _BATCH:
            lines.append(self._queue.popleft())
            size += len(lines[-1])
        self._size -= size
        return b"".join(lines)

    def _write(self) -> None:
        """Write what is in hand, and keep what could not be written: whole lines, the first of them begun again.

        Raises:
            OSError: Not all could be written.
        """
        data, written = memoryview(self._in_hand), 0
        try:
            while written < len(data):
                written += self._write_some(data[written:])
        finally:
            done = self._in_hand.rfind(b"\n", 0, written) + 1
            ended = b"\n" if written > done else b""
            self._in_hand = ended + self._in_hand[done:]

    def _write_some(self, data: memoryview) -> int:
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:  # whoever started us made it so
                if self._closing:
                    raise
                poll = select.poll()
                poll.register(self._descriptor, select.POLLOUT)
                poll.poll(RETRY_AFTER * 1000)
