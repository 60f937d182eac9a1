"""The calls to WbizTool: one status poll with its retries, and the check of the credentials."""

from __future__ import annotations

import json
import queue
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import tenacity

from bridge import __version__
from bridge.domain.aimd import Sign
from bridge.domain.http_answers import json_object
from bridge.domain.poll_answer import Answer, Failure, Malformed, Refused, Throttled, Unavailable
from bridge.domain.redaction import Redactor
from bridge.source.numbers_response import read_numbers
from bridge.source.report_response import LARGEST_PAGE, Page, read_page
from bridge.source.responses import quote
from bridge.source.status_response import read_answer
from bridge.transport.message import Reply, Request, StoppedError, TransportError
from bridge.transport.retried_call import RetriedCall

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from datetime import datetime

    from bridge.domain.clock import Clock
    from bridge.domain.numbers import Number
    from bridge.transport.client import HttpClient
    from bridge.transport.rate_limiter import RateLimiter

LONGEST_PAUSE = 60.0
"""Seconds for which a ``Retry-After`` of the API is obeyed within a poll; after that it is asked again."""

_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "User-Agent": f"wbiztool-bridge/{__version__}",
}
_Result = TypeVar("_Result")
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0


class WbizTool:
    """The API with one account's credentials. Safe to use from several threads.

    Args:
        channel: Leads to the base URL.
        client_id: The account's number.
        api_key: Its key. It travels in the body of every call and nowhere else.
        attempts: How often one poll is tried while the answer is a passing fault.
        pace: Holds for all calls together.
        stop: Ends waits and retries at once when it is set.
    """

    def __init__(
        self,
        channel: HttpClient,
        *,
        client_id: int,
        api_key: str,
        attempts: int,
        pace: RateLimiter,
        clock: Clock,
        stop: threading.Event,
    ) -> None:
        self._channel = channel
        self._credentials = {"client_id": client_id, "api_key": api_key}
        self._request = Request(json.dumps(self._credentials).encode(), _HEADERS)
        self._redact = Redactor([api_key])
        self._pace = pace
        self._clock = clock
        self._stop = stop
        self._retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(attempts) | tenacity.stop_when_event_set(stop),
            wait=tenacity.wait_random_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT),  # full jitter
            retry=tenacity.retry_if_result(_passing),
        )

    def begin_poll(self, message_id: int, done: Callable[[Answer | Exception | None], None]) -> None:
        """Begin to ask for the status of one message, trying passing faults again.

        ``done`` gets the answer, None when asked to stop, or a fault of the bridge's own.
        """
        read = partial(read_answer, message_id=message_id)
        self._begin(f"/message/status/{message_id}/", self._request, read, done)

    def report(self, page: int, first: str, end: str, number: int | None = None) -> Page | Failure | None:
        """Ask for one page of the account's report, trying passing faults again. None when asked to stop. Never raises.

        Args:
            page: From 1. It travels as a number: for a string of digits there would be an empty page.
            first: The first day, ``DD-MM-YYYY``.
            end: The day after the last one.
            number: The id of one of the account's numbers, to ask for what it sent.
        """
        asked = {**self._credentials, "start_date": first, "end_date": end, "page": page}
        if number is not None:
            asked["whatsapp_client"] = number
        return self._try("/report/", Request(json.dumps(asked).encode(), _HEADERS, LARGEST_PAGE), read_page)

    def numbers(self) -> tuple[Number, ...] | Failure | None:
        """Ask for the account's numbers, trying passing faults again. None when asked to stop. Never raises."""
        return self._try("/whatsapp/accounts/", self._request, read_numbers)

    def _try(
        self, path: str, request: Request, read: Callable[[Reply, datetime], _Result | Failure]
    ) -> _Result | Failure | None:
        results: queue.SimpleQueue[_Result | Failure | Exception | None] = queue.SimpleQueue()
        self._begin(path, request, read, results.put)
        result = results.get()
        if isinstance(result, Exception):
            raise result
        return result

    def _begin(
        self,
        path: str,
        request: Request,
        read: Callable[[Reply, datetime], _Result | Failure],
        done: Callable[[_Result | Failure | Exception | None], None],
    ) -> None:
        def call(ended: Callable[[Callable[[], _Result | Failure | None]], None]) -> None:
            self._channel.begin(request, path, lambda reply: ended(partial(self._read, reply, read)))

        tries: RetriedCall[_Result | Failure] = RetriedCall(
            call,
            passing=_passing,
            retrying=self._retrying,
            limiter=self._pace,
            stop=self._stop,
            done=done,
        )
        tries.begin()

    def _read(
        self, get: Callable[[], Reply], read: Callable[[Reply, datetime], _Result | Failure]
    ) -> _Result | Failure | None:
        try:
            reply = self._cleaned(get())
        except StoppedError:
            return None
        except TransportError as error:
            self._pace.follow(Sign.FAILED)
            return Unavailable(str(error))
        answer = read(reply, self._clock.now())
        self._pace.follow(_sign(answer))
        if isinstance(answer, Throttled) and answer.after is not None:
            # It is said to the account, not to this call: everybody waits, this call's next try included.
            self._pace.pause(min(answer.after.total_seconds(), LONGEST_PAUSE))
        return answer

    def me(self) -> str | Refused | Unavailable:
        """Try the credentials (``/me/``) and return the account's name.

        Here, other than in the status call, ``status`` is a success flag, and a refusal may come as HTTP 200 with
        status 0 and a message (wbiztool-api.md).
        """
        try:
            reply = self._cleaned(self._channel.send(self._request, "/me/"))
        except TransportError as error:
            return Unavailable(str(error))
        body = json_object(reply.body) or {}
        message = body.get("message")
        if body.get("status") == 1:
            return quote(str(body.get("name") or ""))
        if isinstance(message, str) and reply.status in {200, 400, 401, 403}:
            return Refused(quote(message))
        return Unavailable(f"HTTP {reply.status}")

    def _cleaned(self, reply: Reply) -> Reply:
        """Take the API key out of an answer that repeats it: its words may end in an event, or on a screen."""
        text = reply.body.decode("utf-8", "surrogateescape")  # bytes that are no UTF-8 stay as they are
        clean = self._redact(text)
        return reply if clean == text else replace(reply, body=clean.encode("utf-8", "surrogateescape"))


def _sign(answer: object) -> Sign:
    match answer:
        case Throttled():
            return Sign.TOO_MANY
        case Unavailable() | Malformed():  # a page of a proxy that has too much to do comes as HTTP 200, too
            return Sign.FAILED
        case _:
            return Sign.WELL


def _passing(answer: object) -> bool:
    return isinstance(answer, Malformed | Throttled | Unavailable)
