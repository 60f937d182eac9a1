"""What a worker pool works for: the poller, or a dispatcher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Job = TypeVar("Job")
Result = TypeVar("Result")


class Worker(Protocol[Job, Result]):
    """What a pool is for: :class:`bridge.daemon.worker_pool.WorkerPool` has arguments of the same names."""

    def claim(self, room: int) -> Sequence[Job]:
        """List what is due and not in flight."""
        ...

    def begin(self, job: Job, done: Callable[[Result | Exception], None]) -> None:
        """Begin a job."""
        ...

    def record(self, results: Sequence[Result]) -> None:
        """Write results."""
        ...

    def set_aside(self, item: Job | Result, error: Exception) -> None:
        """Let what failed be tried again later."""
        ...

    def next_due(self) -> float | None:
        """Say in how many seconds something will be due."""
        ...
