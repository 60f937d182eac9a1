"""The simulated API over HTTP: who calls what, and whether the answer is honest or spoilt."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.domain.clock import SystemClock
from bridge.simulator import control, faults, request_body
from bridge.simulator.account import Account
from bridge.simulator.endpoints import Calls, message_id_of, not_found
from bridge.simulator.faulty_server import Answer, Received, Server

if TYPE_CHECKING:
    from bridge.domain.clock import Clock
    from bridge.simulator.faults import Fault

_BASE = "/api/v1"


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it is remembered: never its body or query, which hold the API key.

    ``path`` is what follows ``/api/v1``; ``at`` is in seconds on the monotonic clock.
    """

    method: str
    path: str
    message_id: int | None
    at: float


class Simulator(Server):
    """A stand-in for WbizTool with one account, on a loopback address.

    A POST without its trailing slash gets a 404: Django's redirect would lose the body, and with it the credentials.

    Args:
        account: The account; by default an empty one.
        clock: Tells a default account's time.
        port: 0 for one that the system gives.
        latency: Seconds that every answer takes; may be changed at any time.
        seed: Makes faults at random repeatable.
        keep: Whether to remember each call, beside counting it: a benchmark's millions would fill the memory.
    """

    def __init__(
        self,
        account: Account | None = None,
        *,
        clock: Clock | None = None,
        port: int = 0,
        latency: float = 0,
        seed: int = 0,
        keep: bool = True,
    ) -> None:
        self.account = account or Account(clock or SystemClock())
        self.latency = latency
        self.calls: Counter[str] = Counter()
        """How often each call was made, by its path without an id."""
        self.polls: Counter[int] = Counter()
        """How often each message was polled."""
        self._calls = Calls(self.account)
        self._keep = keep
        self._records: list[Call] = []
        self._faults: list[_Planned] = []
        self._chance = random.Random(seed)  # noqa: S311 -- no secret
        self._lock = threading.Condition()  # notified of every call
        self._count = 0
        super().__init__(self._respond, port)

    @property
    def base_url(self) -> str:
        """What replaces ``https://wbiztool.com/api/v1``."""
        return f"{self.address}{_BASE}"

    @property
    def client_id(self) -> int:
        """The account's client id."""
        return self.account.client_id

    @property
    def api_key(self) -> str:
        """The account's API key."""
        return self.account.api_key

    def fault(
        self,
        fault: Fault,
        *,
        times: int | None = None,
        message_id: int | None = None,
        share: float | None = None,
        call: str | None = None,
    ) -> None:
        """Spoil answers from now on, until :meth:`fix`. Of several faults the one that was asked for first wins.

        Args:
            fault: What is wrong with them.
            times: Only the next this many.
            message_id: Only those about one message.
            share: Only some of them, at random: 0.3 is three in ten.
            call: Only those of one call: ``/report/``, and ``/message/status/`` for any message's.
        """
        if times is not None and times < 1:
            raise ValueError("times is 1 or more, or None for all")
        with self._lock:
            self._faults.append(_Planned(fault, times, message_id, 1.0 if share is None else share, call))

    def fix(self) -> None:
        """Answer honestly again, and let what hangs go out."""
        with self._lock:
            self._faults.clear()
        self.release()

    def records(self) -> list[Call]:
        """List the calls in the order in which they came."""
        with self._lock:
            return list(self._records)

    def wait_for(self, count: int, seconds: float = 10) -> None:
        """Wait until this many calls have come, all together.

        Raises:
            TimeoutError: They did not come in time.
        """
        with self._lock:
            if not self._lock.wait_for(lambda: self._count >= count, seconds):
                raise TimeoutError(f"{self._count} of {count} calls came within {seconds:g} s")

    def counts(self) -> tuple[dict[str, int], dict[int, int]]:
        """Copy ``calls`` and ``polls`` at one moment."""
        with self._lock:
            return dict(self.calls), dict(self.polls)

    def _respond(self, request: Received) -> Answer:
        path = request.path.partition("?")[0]
        if path.startswith(control.BASE):
            return control.respond(self, request)
        fault = self._take_note(request.method, path.removeprefix(_BASE))
        if self.latency:
            self.stopping.wait(self.latency)
        honest = self._honest(path, request)
        return honest if fault is None else faults.answer(fault, honest, self.account.clock.now())

    def _honest(self, path: str, request: Received) -> Answer:
        if not path.startswith(f"{_BASE}/"):
            return not_found()
        path = path.removeprefix(_BASE)
        return self._calls.post(path, request_body.read(request)) if request.method == "POST" else self._calls.get(path)

    def _take_note(self, method: str, path: str) -> Fault | None:
        """Count the call, and tell what shall be wrong with its answer."""
        message_id = message_id_of(path)
        call = path if message_id is None else "/message/status/"
        with self._lock:
            self._count += 1
            self._lock.notify_all()
            self.calls[call] += 1
            if message_id is not None:
                self.polls[message_id] += 1
            if self._keep:
                self._records.append(Call(method, path, message_id, time.monotonic()))
            for planned in self._faults:
                if not planned.is_about(call, message_id) or self._chance.random() >= planned.share:
                    continue
                if planned.times is not None:
                    planned.times -= 1
                    if planned.times == 0:
                        self._faults.remove(planned)
                return planned.fault
        return None


@dataclass(slots=True)
class _Planned:
    """A fault that is to come."""

    fault: Fault
    times: int | None
    message_id: int | None
    share: float
    call: str | None

    def is_about(self, call: str, message_id: int | None) -> bool:
        """Tell whether a call's answer may have it."""
        return self.message_id in {None, message_id} and self.call in {None, call}
