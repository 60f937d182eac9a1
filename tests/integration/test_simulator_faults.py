"""Each fault puts on the wire what its row says."""

from __future__ import annotations

import http.client
import json
import time
from contextlib import closing
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.model import Status
from bridge.simulator.account import Account
from bridge.simulator.api import Simulator
from bridge.simulator.faults import Fault
from tests.world.clock import START, FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import Message

HONEST = b'{"status": 1, "status_text": "Sent", "message": "connected"}'

JSON: dict[Fault, tuple[int, dict[str, object]]] = {
    Fault.STATUS_OUT_OF_RANGE: (200, {"status": 7}),
    Fault.STATUS_MISSING: (200, {"status_text": "Sent"}),
    Fault.STATUS_BOOLEAN: (200, {"status": True}),
    Fault.STATUS_FLOAT: (200, {"status": 2.0}),
    Fault.STATUS_WORD: (200, {"status": "Sent"}),
    Fault.STATUS_DIGIT_STRING: (200, {"status": "1"}),
    Fault.AUTH_400: (400, {"message": "Auth Error"}),
    Fault.AUTH_403: (403, {"message": "Auth Error"}),
    Fault.AUTH_200: (200, {"status": 0, "message": "Auth Error"}),
    Fault.THROTTLED: (429, {"message": "Too many requests"}),
    Fault.THROTTLED_SECONDS: (429, {"message": "Too many requests"}),
    Fault.THROTTLED_DATE: (429, {"message": "Too many requests"}),
}
BODIES: dict[Fault, tuple[int, str, bytes]] = {
    Fault.FORBIDDEN_PAGE: (403, "text/html; charset=utf-8", b"<!DOCTYPE html>"),
    Fault.SERVER_ERROR: (500, "text/plain", b"Internal Server Error"),
    Fault.BAD_GATEWAY_PAGE: (502, "text/html; charset=utf-8", b"<!DOCTYPE html>"),
    Fault.PAGE_200: (200, "text/html; charset=utf-8", b"<!DOCTYPE html>"),
    Fault.REDIRECT: (307, "application/json", b""),
    Fault.EMPTY: (200, "application/json", b""),
    Fault.ARRAY: (200, "application/json", b'[{"status": 1}]'),
    Fault.NULL: (200, "application/json", b"null"),
    Fault.HUGE: (200, "application/json", b'{"status": 1, "padding": "xxx'),
    Fault.PLAIN_TEXT_TYPE: (200, "text/plain", HONEST),
    Fault.BAD_UTF8: (200, "application/json", b'{"status": 1, "status_text": "S\xff'),
    Fault.DEEP: (200, "application/json", b"[[[["),
}
NEVER_WHOLE = {Fault.CUT, Fault.CUT_BODY, Fault.HANG, Fault.DRIP_BODY, Fault.DRIP_HEADERS}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(Account(FakeClock())) as running:
        running.account.put(7, Status.SENT)
        yield running


def test_no_fault_is_left_out() -> None:
    assert JSON.keys() | BODIES.keys() | NEVER_WHOLE == set(Fault)


@pytest.mark.parametrize("fault", JSON)
def test_a_spoilt_answer_says_what_its_row_says_and_the_next_is_honest(simulator: Simulator, fault: Fault) -> None:
    simulator.fault(fault, times=1)
    code, fields = JSON[fault]
    reply = _poll(simulator)
    told: Mapping[str, Any] = json.loads(reply.body)
    assert reply.status == code
    # The type too: True equals 1, and 2.0 equals 2.
    assert {name: (type(told[name]), told[name]) for name in fields} == {
        name: (type(value), value) for name, value in fields.items()
    }
    assert ("status" in told) == ("status" in fields or fault in {Fault.AUTH_400, Fault.AUTH_403})
    assert _poll(simulator).body == HONEST


@pytest.mark.parametrize("fault", BODIES)
def test_a_wrong_body_comes_as_it_is(simulator: Simulator, fault: Fault) -> None:
    simulator.fault(fault)
    code, kind, beginning = BODIES[fault]
    reply = _poll(simulator)
    assert (reply.status, reply.headers["Content-Type"]) == (code, kind)
    assert reply.body.startswith(beginning)
    assert bool(reply.body) == bool(beginning)


def test_a_huge_body_has_megabytes(simulator: Simulator) -> None:
    simulator.fault(Fault.HUGE)
    assert len(_poll(simulator).body) > 5_000_000


def test_a_redirect_leads_to_another_host(simulator: Simulator) -> None:
    simulator.fault(Fault.REDIRECT)
    assert _poll(simulator).headers["Location"].startswith("https://elsewhere.invalid/")


def test_throttling_may_say_when_to_come_back_in_both_forms(simulator: Simulator) -> None:
    simulator.fault(Fault.THROTTLED, times=1)
    assert _poll(simulator).headers["Retry-After"] is None
    simulator.fault(Fault.THROTTLED_SECONDS, times=1)
    assert _poll(simulator).headers["Retry-After"] == "2"
    simulator.fault(Fault.THROTTLED_DATE, times=1)
    moment = parsedate_to_datetime(_poll(simulator).headers["Retry-After"])
    assert 1 <= (moment - START).total_seconds() <= 2  # an HTTP date has no fractions of a second


def test_a_cut_answer_ends_before_any_byte(simulator: Simulator) -> None:
    simulator.fault(Fault.CUT)
    with pytest.raises(http.client.RemoteDisconnected):
        _poll(simulator)


def test_an_answer_cut_in_its_body_lacks_its_end(simulator: Simulator) -> None:
    simulator.fault(Fault.CUT_BODY)
    with pytest.raises(http.client.IncompleteRead) as cut:
        _poll(simulator)
    assert cut.value.partial == HONEST


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.DRIP_BODY, Fault.DRIP_HEADERS])
def test_a_slow_answer_does_not_end(simulator: Simulator, fault: Fault) -> None:
    simulator.fault(fault)
    with _connection(simulator) as connection:
        connection.connect()
        connection.sock.sendall(b"POST /api/v1/message/status/7/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        connection.sock.settimeout(0.3)
        end = time.monotonic() + 0.3
        heard = b""
        while time.monotonic() < end:
            try:
                more = connection.sock.recv(1024)
            except TimeoutError:
                break
            assert more, "the connection was ended"
            heard += more
    # A drip outlives any time-out between two bytes; a hang has nothing to say.
    assert bool(heard) == (fault is not Fault.HANG)


def test_a_fault_may_hit_one_message_or_a_share_of_the_answers(simulator: Simulator) -> None:
    simulator.account.put(8, Status.SENT)
    simulator.fault(Fault.SERVER_ERROR, message_id=7)
    assert [_poll(simulator, message_id).status for message_id in (7, 8)] == [500, 200]
    simulator.fix()
    simulator.fault(Fault.SERVER_ERROR, share=0.5)
    codes = [_poll(simulator).status for _ in range(60)]
    assert 15 < codes.count(500) < 45


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Message
    body: bytes


def _connection(simulator: Simulator) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection(simulator.base_url.split("/")[2], timeout=5))


def _poll(simulator: Simulator, message_id: int = 7) -> Reply:
    with _connection(simulator) as connection:
        body = json.dumps({"client_id": simulator.client_id, "api_key": simulator.api_key})
        kind = {"Content-Type": "application/json"}
        connection.request("POST", f"/api/v1/message/status/{message_id}/", body, kind)
        with connection.getresponse() as response:
            return Reply(response.status, response.headers, response.read())
