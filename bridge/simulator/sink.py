"""A local receiver for demo, tests and benchmarks: records what it gets, and answers as the test says.

``python -m bridge.simulator.sink_process`` runs one in a process of its own.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.simulator.faulty_server import Answer, Received, Server

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Answer", "Recorded", "Sink"]

Recorded = Received


class Sink(Server):
    """Takes POSTs.

    Args:
        answer: Says what to answer to each; by default 200.
        on_request: Called with each, before it is answered.
        port: 0 for one that the system gives.
        keep: Whether to remember what came.
    """

    def __init__(
        self,
        answer: Callable[[Recorded], Answer] | None = None,
        *,
        on_request: Callable[[Recorded], None] | None = None,
        port: int = 0,
        keep: bool = True,
    ) -> None:
        self.answer = answer or (lambda _: Answer.ok())
        self._on_request = on_request
        self._next: deque[Answer] = deque()
        self._keep = keep
        self._records: list[Recorded] = []
        self._came = threading.Condition()
        self._count = 0
        super().__init__(self._respond, port)

    @property
    def url(self) -> str:
        """Where to POST to."""
        return f"{self.address}/hook"

    @property
    def count(self) -> int:
        """How many requests came."""
        return self._count

    def answer_next(self, *answers: Answer) -> None:
        """Answer the next requests so, one answer each, before ``answer`` is asked again."""
        with self._came:
            self._next.extend(answers)

    def records(self) -> list[Recorded]:
        """List what came so far, in the order of arrival."""
        with self._came:
            return list(self._records)

    def wait_for(self, count: int, seconds: float = 10) -> list[Recorded]:
        """Wait until this many requests have come, and list them.

        Raises:
            TimeoutError: They did not come in time.
        """
        with self._came:
            if not self._came.wait_for(lambda: self._count >= count, seconds):
                raise TimeoutError(f"{self._count} of {count} requests came within {seconds:g} s")
            return list(self._records)

    def _respond(self, request: Recorded) -> Answer:
        with self._came:
            self._count += 1
            request = replace(request, sequence=self._count)
            if self._keep:
                self._records.append(request)
            prepared = self._next.popleft() if self._next else None
            self._came.notify_all()
        if self._on_request is not None:
            self._on_request(request)
        return self.answer(request) if prepared is None else prepared
