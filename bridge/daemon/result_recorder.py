"""Records what came of jobs: tried again while the store fails, and without what can't be recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

from bridge.daemon.worker import Job, Result, Worker
from bridge.domain.errors import BridgeError, ConfigurationError, CredentialsError, InternalError, NotNowError
from bridge.store.errors import DamagedError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

PATIENCE = 1.0
"""Seconds before a step that failed (a full disk, a locked database) is tried again."""


@dataclass(frozen=True, slots=True)
class Failed(Generic[Job]):
    """A job that raised: a fault of the bridge's own with it."""

    job: Job
    error: Exception


_NO_ITEMS_FAULT = (NotNowError, DamagedError, ConfigurationError, CredentialsError)
"""What a store raises that can't be used: the same is tried again, whoever must act for it (a role lost its rights)."""


class ResultRecorder(Generic[Job, Result]):
    """Records results, and sets aside those that can't be.

    Args:
        worker: Writes them.
        step_failed: Called with what that failed with, where the store failed.
        stopping: Set when nothing more is to be tried again.
    """

    def __init__(
        self, worker: Worker[Job, Result], *, step_failed: Callable[[BridgeError], None], stopping: threading.Event
    ) -> None:
        self._worker = worker
        self._step_failed = step_failed
        self._stopping = stopping

    def persist(self, results: list[Result | Failed[Job]]) -> None:
        """Record results. Where that raises, halve them until what is at fault is alone, and set it aside."""
        parts: list[list[Result | Failed[Job]]] = [[each] for each in results if isinstance(each, Failed)]
        parts.append([each for each in results if not isinstance(each, Failed)])
        while parts:
            part = parts[-1]
            try:
                self._settle(part)
            except _NO_ITEMS_FAULT as error:
                if self._is_over(error):
                    break
                continue
            except Exception as error:  # noqa: BLE001 -- whatever an item of somebody's makes us raise
                if len(part) > 1:
                    parts[-1:] = [part[len(part) // 2 :], part[: len(part) // 2]]
                    continue
                if not self._set_one_aside(part[0], error):
                    break
            parts.pop()

    def _settle(self, part: list[Result | Failed[Job]]) -> None:
        results: list[Result] = []
        for each in part:
            if isinstance(each, Failed):
                raise each.error
            results.append(each)
        if results:
            self._worker.record(results)

    def _set_one_aside(self, item: Result | Failed[Job], error: Exception) -> bool:
        """Set an item aside. False where the pool was stopped before that could be written."""
        while True:
            try:
                self._worker.set_aside(item.job if isinstance(item, Failed) else item, error)
            except Exception as another:  # noqa: BLE001 -- as above
                if self._is_over(another if isinstance(another, BridgeError) else InternalError.of(another)):
                    return False
            else:
                return True

    def _is_over(self, error: BridgeError) -> bool:
        """Wait before the same is tried again; True where the pool is to stop instead."""
        self._step_failed(error)
        # Stopping, what could not be recorded is done again by the next process: at least once.
        return self._stopping.wait(PATIENCE)
