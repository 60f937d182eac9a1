"""The engine under a client: libcurl, one ``CurlMulti`` in one thread, and as many calls at once as are asked for.

Freeing what looks up a name blocks until the system's resolver has ended, many seconds later: only this thread frees,
and nobody waits for it.
"""

from __future__ import annotations

import math
import os
import re
import select
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pycurl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STOPPED = -1
"""The code of a call that was ended because its engine was closed; libcurl's own are positive."""

_AT_ONCE = 16
"""Connections that one turn looks at. A call whose answer has come is followed by the next one when the turn ends: of
256 in flight, 76 were answered in one turn, and waited for each other."""

_SUCCESS = re.compile(rb"HTTP/\S+ 2")
_HAS_EPOLL = hasattr(select, "epoll")
_MOST_EVENTS = (_AT_ONCE,) if _HAS_EPOLL else ()  # poll() has no bound
_SEEN = (pycurl.OS_ERRNO, pycurl.HTTP_CONNECTCODE, pycurl.PROXY_ERROR, pycurl.NUM_CONNECTS)


@dataclass(frozen=True, slots=True)
class Failure:
    """How a call failed: libcurl's code and text, which may hold an address, and the system's code.

    ``tunnel`` and ``socks`` are what a proxy said; ``fresh`` counts the connections that were made for the call.
    """

    code: int
    text: str = ""
    errno: int = 0
    tunnel: int = 0
    socks: int = 0
    fresh: int = 0


@dataclass(slots=True, eq=False)
class Transfer:
    """One call: the options beside the engine's settings, and what comes back.

    ``patience`` is the seconds that connecting may take, ``limit`` the bytes of the body that are kept, and ``done`` is
    called once, whatever happens; it must not raise. Where there is a ``sink``, the body of a success goes to it, piece
    by piece as it comes, and is not kept; False ends the call. libcurl itself bounds the headers, by 300 KiB.
    """

    settings: Sequence[tuple[int, Any]]
    patience: float
    limit: int
    done: Callable[[Transfer], None]
    sink: Callable[[bytes], bool] | None = None
    head: list[bytes] = field(default_factory=list)
    body: list[bytes] = field(default_factory=list)
    failure: Failure | None = None
    size: int = 0

    def take_body(self, piece: bytes) -> int | None:
        """Take a piece of the body; -1 ends the call."""
        if self.sink is not None and _SUCCESS.match(self.head[0]):
            return None if self.sink(piece) else -1
        self.body.append(piece)
        self.size += len(piece)
        return -1 if self.size > self.limit else None

    def end(self, failure: Failure | None) -> None:
        """Let whoever waits know."""
        self.failure = failure
        self.done(self)


class Engine:
    """Makes transfers, in a thread that starts with the first of them.

    Args:
        settings: Options of every call.
        kept: The most connections that are kept open while nothing goes over them.
    """

    def __init__(self, settings: Sequence[tuple[int, Any]], kept: int) -> None:
        self._settings = settings
        self._kept = kept
        self._waiting: deque[Transfer] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._asleep = self._closed = False

    def begin(self, transfer: Transfer) -> None:
        """Begin a call, and return at once.

        Raises:
            RuntimeError: The system starts no more threads.
        """
        with self._lock:
            if not self._closed:
                if self._thread is None:
                    self._start()
                self._waiting.append(transfer)
                self._wake()
                return
        transfer.end(Failure(STOPPED))

    def close(self, patience: float = 0.5) -> None:
        """End the calls in flight at once, and close the connections. Waits as long as ``patience`` for that."""
        with self._lock:
            runs = self._thread is not None and not self._closed
            self._closed = True
            if runs:
                self._wake()
        if self._thread is not None:
            self._thread.join(patience)

    def _start(self) -> None:
        self._ear, self._mouth = os.pipe()
        os.set_blocking(self._mouth, False)
        # A daemon thread: the end of the process does not wait for a resolver that hangs.
        thread = threading.Thread(target=self._run, name="calls", daemon=True)
        thread.start()
        self._thread = thread

    def _wake(self) -> None:
        """Let the thread look. Called with the lock held: the pipe is not closed meanwhile."""
        if self._asleep:
            self._asleep = False
            os.write(self._mouth, b"\0")

    def _run(self) -> None:
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, self._kept)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        # libcurl's own waiting is by select(), which knows no descriptors above 1,023; poll() looks at all of them.
        self._poll: Any = select.epoll() if _HAS_EPOLL else select.poll()
        self._poll.register(self._ear, select.POLLIN)
        self._active: dict[pycurl.Curl, Transfer] = {}
        self._connecting: dict[pycurl.Curl, float] = {}
        self._idle: list[pycurl.Curl] = []
        try:
            while not self._closed:
                self._turn()
        finally:
            self._end()

    def _turn(self) -> None:
        """Wait for something to do, and do it."""
        self._asleep = True
        events = self._poll.poll(0 if self._waiting or self._closed else self._pause(), *_MOST_EVENTS)
        self._asleep = False
        for descriptor, event in events:
            if descriptor == self._ear:
                os.read(self._ear, 4096)
            else:
                incoming = pycurl.CSELECT_IN if event & ~select.POLLOUT else 0
                outgoing = pycurl.CSELECT_OUT if event & select.POLLOUT else 0
                self._multi.socket_action(descriptor, incoming | outgoing)
        self._collect()
        while self._waiting:
            self._add(self._waiting.popleft())
        if self._multi.timeout() == 0:
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            self._collect()
        now = time.monotonic()
        for curl, until in list(self._connecting.items()):
            if until <= now:
                del self._connecting[curl]
                if not curl.getinfo(pycurl.PRETRANSFER_TIME):
                    self._finish(curl, pycurl.E_OPERATION_TIMEDOUT)

    def _collect(self) -> None:
        left = 1
        while left:
            left, well, failed = self._multi.info_read()
            for curl in well:
                self._finish(curl)
            for curl, code, text in failed:
                self._finish(curl, code, text)

    def _pause(self) -> float | None:
        """Return how long to wait at most, None for no limit: in seconds for epoll, in milliseconds for poll."""
        waits = [max(0, math.ceil((until - time.monotonic()) * 1000)) for until in self._connecting.values()]
        timer = self._multi.timeout()
        milliseconds = min(waits if timer < 0 else [*waits, timer], default=None)
        return milliseconds / 1000 if milliseconds and _HAS_EPOLL else milliseconds

    def _watch(self, what: int, descriptor: int, _multi: pycurl.CurlMulti, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._poll.unregister(descriptor)
        else:
            outgoing = select.POLLOUT if what & pycurl.POLL_OUT else 0
            events = outgoing | (select.POLLIN if what & pycurl.POLL_IN else 0)
            try:
                self._poll.register(descriptor, events)
            except FileExistsError:
                self._poll.modify(descriptor, events)

    def _add(self, transfer: Transfer) -> None:
        curl = self._idle.pop() if self._idle else self._make()
        self._active[curl] = transfer
        try:
            curl.setopt(pycurl.HEADERFUNCTION, transfer.head.append)
            curl.setopt(pycurl.WRITEFUNCTION, transfer.take_body)
            for option, value in transfer.settings:
                curl.setopt(option, value)
            self._multi.add_handle(curl)
        except (pycurl.error, TypeError, ValueError):  # one bad call must not end the others
            del self._active[curl]
            transfer.end(Failure(pycurl.E_URL_MALFORMAT))

    def _make(self) -> pycurl.Curl:
        curl = pycurl.Curl()
        for option, value in self._settings:
            curl.setopt(option, value)
        curl.setopt(pycurl.SOCKOPTFUNCTION, lambda _descriptor, _purpose: self._connect(curl))
        return curl

    def _connect(self, curl: pycurl.Curl) -> int:
        """Begin to count the time for connecting: the name is resolved now."""
        self._connecting.setdefault(curl, time.monotonic() + self._active[curl].patience)
        return pycurl.SOCKOPT_OK

    def _finish(self, curl: pycurl.Curl, code: int = 0, text: str = "") -> None:
        transfer = self._active.pop(curl)
        self._connecting.pop(curl, None)
        failure = Failure(code, text, *map(curl.getinfo, _SEEN)) if code else None
        self._multi.remove_handle(curl)
        self._idle.append(curl)
        transfer.end(failure)

    def _end(self) -> None:
        """Drop all calls, and then free everything."""
        with self._lock:
            self._closed = True
            os.close(self._ear)
            os.close(self._mouth)
        for transfer in self._waiting:
            transfer.end(Failure(STOPPED))
        for curl in list(self._active):
            self._finish(curl, STOPPED)
        for curl in self._idle:
            curl.close()
        self._multi.close()
        del self._poll
