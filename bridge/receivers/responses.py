"""What an HTTP answer means for a delivery, whoever gave it: the table "Delivery" of the design. Pure.

The reason (``why``) is for people. It holds the HTTP status and its name; never the body, which the attempt's record
keeps, and never the receiver's URL, which may be a secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bridge.domain.http_answers import http_words, retry_after
from bridge.domain.outcome import Dead, Delivered, Retry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bridge.domain.outcome import Outcome
    from bridge.transport.message import Reply

_FAMILY = 100  # RFC 9110, 15: the first digit of a status is its class
_TAKEN = 2
_OF_ONE_EVENT = frozenset({400, 405, 406, 409, 411, 413, 414, 415, 422})
"""Refusals that speak of what was sent. Others (401, 404, a redirect, …) would meet every event."""

_HOST = re.compile(r"[a-z0-9_.:-]{1,253}")  # a name or an address; what else is there is not worth repeating


@dataclass(frozen=True, slots=True)
class Success:
    """Statuses that count as taken; of redirections, those that lead to ``host``."""

    first: int
    last: int
    host: str | None = None

    def covers(self, reply: Reply) -> bool:
        """Tell whether an answer is one of these."""
        if not self.first <= reply.status <= self.last:
            return False
        return self.host is None or _target(reply) == self.host


def read(reply: Reply, at: datetime, success: Sequence[Success] = ()) -> Outcome:
    """Read an answer by its status alone.

    Args:
        reply: The answer, with any status and any headers.
        at: When it came, aware, in UTC: a ``Retry-After`` with a date counts from it.
        success: The answers that count as taken; none for every 2xx.
    """
    family = reply.status // _FAMILY
    taken = any(each.covers(reply) for each in success) if success else family == _TAKEN
    if taken:
        return Delivered()
    words = http_words(reply.status)
    match reply.status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Retry(f"{words}: the receiver wants fewer calls", after=retry_after(reply.headers, at))
        case HTTPStatus.SERVICE_UNAVAILABLE if (wait := retry_after(reply.headers, at)) is not None:
            return Retry(f"{words}: the receiver says when to come back", after=wait)
        case HTTPStatus.GONE:
            return Dead(f"{words}: the receiver says that nothing is to be sent here any more")
    match family:
        case 2:
            return Retry(f"{words}: not what `success` says that the receiver answers when it has taken something")
        case 3:
            return Retry(f"{words}: {_redirect(reply)}")
        case 4:
            return Retry(f"{words}: the receiver refuses it", about_event=reply.status in _OF_ONE_EVENT)
        case 5:
            return Retry(f"{words}: the receiver's server fails", quick=True)
        case _:
            return Retry(f"{words}: no answer that a POST can end with")


def refuses(body: Mapping[str, object]) -> bool:
    """Tell whether a JSON object is a refusal: ``ok`` or ``success`` is false, or it has an ``error`` and neither."""
    said = [value for value in (body.get("ok"), body.get("success")) if isinstance(value, bool)]
    return False in said or (not said and bool(body.get("error")))


def _redirect(reply: Reply) -> str:
    """Say where a redirect leads. Only the host: the path and the query of an address may be a secret."""
    if not reply.headers.get("location", "").strip():
        return "an answer of redirection that leads nowhere"
    host = _target(reply)
    if host is None:
        target = "another address on the same host"
    elif _HOST.fullmatch(host):
        target = host
    else:
        target = "an unreadable address"
    return f"redirects to {target}: redirects are not followed; put the final address into the configuration"


def _target(reply: Reply) -> str | None:
    """Name the host that an answer leads to: None where it is the same, empty where it can't be read."""
    try:
        return urlsplit(reply.headers.get("location", "").strip()).hostname
    except ValueError:  # brackets that hold no IPv6 address
        return ""
