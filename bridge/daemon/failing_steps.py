"""Steps of the daemon that are done again and again: an internal error in one of them is reported, and ends nothing."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bridge.domain.errors import BridgeError, InternalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.domain.clock import Clock
    from bridge.domain.observer import Listener
    from bridge.domain.redaction import Redactor
    from bridge.store.store import Store


class Steps:
    """Notes which steps fail by an internal error, for whoever asks how the bridge does.

    Args:
        redact: Takes secrets out of what was raised.
    """

    def __init__(self, store: Store, *, clock: Clock, listener: Listener, redact: Redactor) -> None:
        self._store = store
        self._clock = clock
        self._listener = listener
        self._redact = redact
        self._failing: set[str] = set()

    def contained(self, name: str, step: Callable[[], object]) -> Callable[[], None]:
        """Return the step as one that never raises: what it raises is noted, until it works again."""

        def run() -> None:
            try:
                step()
            except BridgeError as error:  # the store's, most often
                self._listener.step_failed(name, error)
            except Exception as error:  # noqa: BLE001 -- whatever it is, the other steps go on
                self.note(name, error)
            else:
                self.note(name, None)

        return run

    def note(self, name: str, error: BaseException | None) -> None:
        """Note that a step failed by an internal error, or, for None, that it works."""
        try:
            if error is not None:
                self._failing.add(name)
                self._listener.internal_error(f"step {name}", error)
                why = self._redact(str(InternalError.of(error)))
                self._store.quarantine.step_failed(name, why, self._clock.now())
            elif name in self._failing:
                self._store.quarantine.step_worked(name)
                self._failing.discard(name)
        except BridgeError as another:
            self._listener.step_failed(name, another)


@contextmanager
def threads_are_heard(steps: Steps) -> Iterator[None]:
    """Note what a thread dies of: nothing that was raised may end the daemon, or go unseen.

    The threads that poll and deliver catch what they raise themselves, and live on.
    """

    def died(args: threading.ExceptHookArgs) -> None:
        name = "unnamed" if args.thread is None else args.thread.name
        steps.note(f"thread {name}", args.exc_value or RuntimeError("it ended without a word"))

    before, threading.excepthook = threading.excepthook, died
    try:
        yield
    finally:
        threading.excepthook = before
