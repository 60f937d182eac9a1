"""What a worker pool works for: the poller, or a dispatcher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Job = TypeVar("Job")
Result = TypeVar("Result")


class Worker(Protocol[Job, Result]):
    """What a :class:`bridge.daemon.worker_pool.WorkerPool` is for."""

    def claim(self, room: int) -> Sequence[Job]:
        """List what is due and not in flight, as far as there is room. Called by the pool's own thread."""
        ...

    def begin(self, job: Job, done: Callable[[Result | Exception], None]) -> None:
        """Begin a job, and hand over its result, once, or what it raised.

        Called by any thread, one at a time; it may raise itself.
        """
        ...

    def record(self, results: Sequence[Result]) -> None:
        """Write results, all or none.

        Called by the pool's own thread; when the store fails, it is called again with the same.
        """
        ...

    def set_aside(self, item: Job | Result, error: Exception) -> None:
        """See to it that a job that raised, or a result that can't be recorded, is tried again later.

        Nothing else is held up by it. May fail as :meth:`record` may.
        """
        ...

    def next_due(self) -> float | None:
        """Say in how many seconds something will be due that a look found not due yet; None for "wait until woken".

        Asked only after a look that found less than there was room for.
        """
        ...
