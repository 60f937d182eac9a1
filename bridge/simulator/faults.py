"""Answers that a careless reader gets wrong, on demand: every row of wbiztool-api.md's table, and more."""

from __future__ import annotations

import enum
import json
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

from bridge.simulator.faulty_server import Answer, Manner

if TYPE_CHECKING:
    from datetime import datetime

_PAGE = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"
_HTML = {"Content-Type": "text/html; charset=utf-8"}
_WAIT = 2


class Fault(enum.Enum):
    """What can be wrong with an answer."""

    STATUS_OUT_OF_RANGE = enum.auto()
    STATUS_MISSING = enum.auto()
    STATUS_BOOLEAN = enum.auto()
    STATUS_FLOAT = enum.auto()
    STATUS_WORD = enum.auto()
    STATUS_DIGIT_STRING = enum.auto()  # "2", which may be read as 2
    AUTH_400 = enum.auto()
    AUTH_403 = enum.auto()
    AUTH_200 = enum.auto()  # {"status": 0, "message": "Auth Error"}: no Pending
    FORBIDDEN_PAGE = enum.auto()  # a firewall's 403, in HTML
    THROTTLED = enum.auto()
    THROTTLED_SECONDS = enum.auto()  # with Retry-After
    THROTTLED_DATE = enum.auto()
    SERVER_ERROR = enum.auto()
    BAD_GATEWAY_PAGE = enum.auto()
    PAGE_200 = enum.auto()
    REDIRECT = enum.auto()
    CUT = enum.auto()
    CUT_BODY = enum.auto()
    EMPTY = enum.auto()
    ARRAY = enum.auto()
    NULL = enum.auto()
    HUGE = enum.auto()  # 5 MB
    DRIP_BODY = enum.auto()
    DRIP_HEADERS = enum.auto()
    HANG = enum.auto()  # until released; then the honest answer
    PLAIN_TEXT_TYPE = enum.auto()  # good JSON under a wrong Content-Type
    BAD_UTF8 = enum.auto()
    DEEP = enum.auto()  # brackets without end


def answer(fault: Fault, honest: Answer, now: datetime) -> Answer:  # noqa: C901, PLR0911, PLR0912 -- one row a fault
    """Spoil an honest answer."""
    match fault:
        case Fault.STATUS_OUT_OF_RANGE:
            return _json({"status": 7, "status_text": "Seven", "message": "connected"})
        case Fault.STATUS_MISSING:
            return _json({"status_text": "Sent", "message": "connected"})
        case Fault.STATUS_BOOLEAN:
            return _json({"status": True, "status_text": "Sent", "message": "connected"})
        case Fault.STATUS_FLOAT:
            return _json({"status": 2.0, "status_text": "Failed", "message": "connected"})
        case Fault.STATUS_WORD:
            return _json({"status": "Sent", "status_text": "Sent", "message": "connected"})
        case Fault.STATUS_DIGIT_STRING:
            return _digit_string(honest)
        case Fault.AUTH_400:
            return _json({"status": 0, "message": "Auth Error"}, 400)
        case Fault.AUTH_403:
            return _json({"status": 0, "message": "Auth Error"}, 403)
        case Fault.AUTH_200:
            return _json({"status": 0, "message": "Auth Error"})
        case Fault.FORBIDDEN_PAGE:
            return Answer(403, _PAGE, _HTML)
        case Fault.THROTTLED:
            return _json({"message": "Too many requests"}, 429)
        case Fault.THROTTLED_SECONDS:
            return _json({"message": "Too many requests"}, 429, {"Retry-After": str(_WAIT)})
        case Fault.THROTTLED_DATE:
            when = format_datetime(now + timedelta(seconds=_WAIT), usegmt=True)
            return _json({"message": "Too many requests"}, 429, {"Retry-After": when})
        case Fault.SERVER_ERROR:
            return Answer(500, b"Internal Server Error", {"Content-Type": "text/plain"})
        case Fault.BAD_GATEWAY_PAGE:
            return Answer(502, _PAGE, _HTML)
        case Fault.PAGE_200:
            return Answer(200, _PAGE, _HTML)
        case Fault.REDIRECT:
            return Answer.redirect("https://elsewhere.invalid/login/?next=/api")
        case Fault.CUT:
            return Answer.cut()
        case Fault.CUT_BODY:
            return Answer(200, honest.body, manner=Manner.CUT_BODY)
        case Fault.EMPTY:
            return Answer(200, b"")
        case Fault.ARRAY:
            return Answer(200, b'[{"status": 1}]')
        case Fault.NULL:
            return Answer(200, b"null")
        case Fault.HUGE:
            return Answer(200, b'{"status": 1, "padding": "' + b"x" * 5_000_000 + b'"}')
        case Fault.DRIP_BODY:
            return Answer.drip()
        case Fault.DRIP_HEADERS:
            return Answer(manner=Manner.DRIP_HEADERS)
        case Fault.HANG:
            return replace(honest, manner=Manner.HANG)
        case Fault.PLAIN_TEXT_TYPE:
            return Answer(200, honest.body, {"Content-Type": "text/plain"})
        case Fault.BAD_UTF8:
            return Answer(200, b'{"status": 1, "status_text": "S\xffnt"}')
        case Fault.DEEP:
            return Answer(200, b"[" * 50_000)


def _digit_string(honest: Answer) -> Answer:
    """Make the status a string; what has none (the page of a 404) stays as it is."""
    try:
        body = json.loads(honest.body)
    except ValueError:
        return honest
    return _json({**body, "status": str(body["status"])}, honest.code)


def _json(body: object, code: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(code, json.dumps(body).encode(), headers or {})
