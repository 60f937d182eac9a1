"""One call, made again while that may help. Only waits have a thread: else, each step begins the next."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import tenacity

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.transport.rate_limiter import RateLimiter

Result = TypeVar("Result")


class RetriedCall(Generic[Result]):
    """Makes a call when the rate allows it, and again by the rules of tenacity while its result is a passing fault.

    Args:
        call: Begins the call. It gets whom to tell, once, what returns the result or raises; it may raise itself.
        passing: Tells whether a result is a passing fault.
        retrying: Says how often, and after which waits, to try again.
        limiter: Says when a call may be made.
        stop: Ends waits at once when it is set; no call is made any more.
        done: Called once with the last result, with the error that a call raised, or with None if none was made.
    """

    def __init__(
        self,
        call: Callable[[Callable[[Callable[[], Result | None]], None]], None],
        *,
        passing: Callable[[Result | None], bool],
        retrying: tenacity.Retrying,
        limiter: RateLimiter,
        stop: threading.Event,
        done: Callable[[Result | Exception | None], None],
    ) -> None:
        self._call = call
        self._passing = passing
        self._retrying = retrying
        self._limiter = limiter
        self._stop = stop
        self._done = done
        self._state: tenacity.RetryCallState | None = None

    def begin(self) -> None:
        """Begin, and return at once."""
        delay = None if self._stop.is_set() else self._limiter.delay()
        if delay is None:
            self._done(None)
        elif delay:
            self._later(delay, self._make)
        else:
            self._make()

    def _make(self) -> None:
        if self._stop.is_set() or not self._limiter.open():
            self._done(None)
            return
        try:
            self._call(self._ended)
        except Exception as error:  # noqa: BLE001 -- handed to the caller: in this thread, nobody would hear of it
            self._done(error)

    def _ended(self, get: Callable[[], Result | None]) -> None:
        try:
            result = get()
        except Exception as error:  # noqa: BLE001 -- as above
            self._done(error)
            return
        if self._passing(result):
            self._wait(result)
        else:
            self._done(result)

    def _wait(self, result: Result | None) -> None:
        """Let tenacity say whether to try again, and when."""
        state = self._state
        if state is None:
            self._retrying.begin()
            state = self._state = tenacity.RetryCallState(self._retrying, None, (), {})
        state.set_result(result)
        try:
            wait: Any = self._retrying.iter(state)
        except tenacity.RetryError:  # often enough
            self._done(result)
            return
        state.prepare_for_next_attempt()
        self._later(float(wait), self.begin)

    def _later(self, seconds: float, step: Callable[[], None]) -> None:
        """Do something after this many seconds, in a thread that waits for it."""

        def wait() -> None:
            self._stop.wait(seconds)
            step()

        try:
            threading.Thread(target=wait, name="wait", daemon=True).start()
        except RuntimeError:  # the system starts no more threads: rather too early than never
            step()
