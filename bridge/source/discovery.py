"""Reads the account's report again and again: what the account sends is watched, what changes is polled at once.

The report is a hint and never the state. What it shows as new makes a poll due; what it does not show is polled too,
only less often.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bridge.domain.clock import isoformat
from bridge.domain.errors import BridgeError, NotNowError
from bridge.domain.health import REPORT
from bridge.domain.poll_schedule import Hints
from bridge.source.failure_tracker import FailureTracker
from bridge.source.report_pages import Reading, next_page
from bridge.source.report_response import Page, days
from bridge.store.facts import SWEPT
from bridge.store.report_hints import HintCounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.domain.clock import Clock
    from bridge.domain.numbers import Number
    from bridge.domain.observer import Listener
    from bridge.source.api import WbizTool
    from bridge.store.store import Store

_NEVER = datetime.min.replace(tzinfo=UTC)

GOOD_FOR = 3
"""After how many intervals without a whole reading the report counts as not read any more."""

MOST_PAGES = 50_000
"""Of one reading: ten million messages. A report that grows as fast as it is read must not be read for ever."""


class Discovery:
    """Watches what the account sends.

    Args:
        every: How often the report is read.
        count: How many days back.
        relaxed: How often a message is polled that the report shows, and shows no change of. As often, all pages of the
            report are read; in between, those on which something can change.
        tighten: How soon such messages are polled when the report cannot be read any more.
        by_number: Also ask for the report of each of the account's numbers, and tag its messages with the number.
        found: Called when messages are due that were not before.
    """

    def __init__(
        self,
        store: Store,
        source: WbizTool,
        *,
        every: timedelta,
        count: int,
        relaxed: timedelta,
        tighten: timedelta,
        by_number: bool = False,
        clock: Clock,
        listener: Listener,
        found: Callable[[], None],
    ) -> None:
        self._store = store
        self._source = source
        self._every = every
        self._count = count
        self._relaxed = relaxed
        self._tighten = tighten
        self._by_number = by_number
        self._clock = clock
        self._listener = listener
        self._found = found
        self._standing = FailureTracker(store, REPORT, GOOD_FOR * every, clock)
        self._sweeping = threading.Lock()
        self._good_until = float("-inf")
        self._numbers: tuple[Number, ...] = ()
        self._before: dict[int | None, Reading] = {}
        """The latest reading of each number's report; under None, of the account's."""
        self._whole = _NEVER, ("", "")
        """When all of it was last read, and of which days."""
        self._relaxing = True  # until it is known better: what an earlier process has put off is to be looked after

    def hints(self) -> Hints | None:
        """Say what the report is good for; None while it is not read as it should."""
        if self._clock.monotonic() > self._good_until:
            return None
        return Hints(self._relaxed, timedelta(days=self._count))

    def sweep(self) -> None:
        """Read what may have changed in the report. Of several nodes, one does. Never raises a BridgeError."""
        if not self._sweeping.acquire(blocking=False):
            return
        try:
            for step in (self._read, self._look_after_what_waits):
                try:
                    step()
                except BridgeError as error:
                    self._listener.step_failed("reading the report", error)
                    self._standing.failed(str(error))
        finally:
            self._sweeping.release()

    def _read(self) -> None:
        if not self._store.node.leads:
            self._before = {}  # another one reads it meanwhile, or begins to
            return
        began = self._clock.now()
        asked = days(began, self._count)
        whole_at, asked_before = self._whole
        if asked != asked_before or not timedelta(0) <= began - whole_at < self._relaxed:
            self._before = {}
        readings: dict[int | None, Reading] = {}
        all_ = HintCounts()
        for number in (
            *self._read_numbers(),
            None,
        ):  # the account's last: what is found first by its number has the tag
            found = self._go_through(*asked, number)
            if found is None:
                return
            readings[None if number is None else number.id], noted = found
            all_ += noted
        if not self._before:
            self._whole = began, asked
        self._before = readings
        self._store.set_fact(SWEPT, isoformat(self._clock.now()))
        self._standing.worked()
        self._listener.discovered(all_.new, all_.changed, (self._clock.now() - began).total_seconds())

    def _read_numbers(self) -> tuple[Number, ...]:
        """Ask for the account's numbers, if they are wanted; while that fails, those of before count."""
        seen = self._source.numbers() if self._by_number else None
        if isinstance(seen, tuple):
            self._numbers = seen
        elif seen is not None:
            self._listener.step_failed("asking for the account's numbers", NotNowError(seen.why))
        return self._numbers

    def _go_through(self, first: str, end: str, number: Number | None) -> tuple[Reading, HintCounts] | None:
        """Read what is worth it of the report of these days, the account's or a number's; None when asked to stop.

        Raises:
            NotNowError: A page could not be read.
        """
        noted, total, unfinished = HintCounts(), 0, list[int]()
        id_, tag = (None, None) if number is None else (number.id, number.shown)
        before = self._before.get(id_)
        at = 1
        for count in range(MOST_PAGES):
            page = self._source.report(at, first, end, id_)
            if page is None:
                return None
            if not isinstance(page, Page):
                raise NotNowError(f"page {at}{f' of {tag}' if tag else ''}: {page.why}")
            here = self._store.report_hints.note(page.rows, self._clock.now(), tag)
            if here.new or here.changed:
                self._found()
            if here.unfinished:
                unfinished.append(at)
            noted += here
            total = total if count else page.total  # what comes while it is read has come since
            following = next_page(before, at, page.total) if page.shown else None
            if following is None:
                break
            at = following
        return Reading(total, tuple(unfinished)), noted

    def _look_after_what_waits(self) -> None:
        """Poll soon what was put off because the report shows it, when it does not any more."""
        fact = self._store.fact(SWEPT)
        try:
            read_at = datetime.fromisoformat(fact) if fact else _NEVER
        except ValueError:  # somebody has damaged it: the next reading writes it again
            read_at = _NEVER
        good_for = GOOD_FOR * self._every - (self._clock.now() - read_at)
        self._good_until = self._clock.monotonic() + good_for.total_seconds()
        relaxing = self.hints() is not None
        if self._relaxing and not relaxing:
            self._store.report_hints.tighten(self._clock.now(), self._tighten)
            self._found()
        self._relaxing = relaxing
