"""What the simulator and the sink put on the wire, byte by byte."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from contextlib import closing

import pytest

from bridge.domain.model import Status
from bridge.simulator.api import Simulator
from bridge.simulator.faults import Fault
from bridge.simulator.sink import Answer, Recorded, Sink

REQUEST = b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"


def test_a_connection_is_kept_for_the_next_request(sink: Sink) -> None:
    with _connect(sink.url) as caller:
        for _ in range(3):
            caller.sendall(REQUEST)
            assert caller.recv(4096).endswith(b"\r\n\r\nok")
    assert [record.sequence for record in sink.wait_for(3)] == [1, 2, 3]


def test_keeping_a_connection_costs_no_delay(sink: Sink) -> None:
    with closing(http.client.HTTPConnection(_place(sink.url)[0], _place(sink.url)[1], timeout=5)) as connection:
        started = time.monotonic()
        for _ in range(50):
            connection.request("POST", "/hook", b"hi")
            with connection.getresponse() as response:
                response.read()
        # A delayed acknowledgement would cost 40 ms each.
        assert time.monotonic() - started < 1.0


def test_a_request_is_recorded_as_it_came(sink: Sink) -> None:
    before = time.monotonic()
    with _connect(sink.url) as caller:
        caller.sendall(
            b"POST /other?x=1 HTTP/1.1\r\nHost: x\r\nWebhook-Id: evt_1\r\nContent-Length: 3\r\n\r\n\xff\x00\xfe"
        )
        caller.recv(4096)
    (record,) = sink.records()
    assert (record.method, record.path, record.body) == ("POST", "/other?x=1", b"\xff\x00\xfe")
    assert record.headers["webhook-id"] == "evt_1"
    assert before <= record.at <= time.monotonic()


@pytest.mark.parametrize("missing", [1, 2])
def test_half_a_request_is_no_request(sink: Sink, missing: int) -> None:
    with _connect(sink.url) as caller:
        caller.sendall(REQUEST[:-missing])
        caller.shutdown(socket.SHUT_WR)
        assert caller.recv(4096) == b""
    assert sink.records() == []


def test_answers_are_given_in_the_order_in_which_they_were_told(sink: Sink) -> None:
    sink.answer = lambda request: Answer.status(418, request.body)
    sink.answer_next(Answer.status(503, retry_after="5"), Answer.redirect("https://elsewhere.invalid/"))
    answers = [_ask(sink) for _ in range(3)]
    assert [answer.partition(b"\r\n")[0].split()[1] for answer in answers] == [b"503", b"307", b"418"]
    assert b"\r\nretry-after: 5\r\n" in answers[0]
    assert b"\r\nLocation: https://elsewhere.invalid/\r\n" in answers[1]


def test_a_cut_answer_ends_before_its_first_byte(sink: Sink) -> None:
    sink.answer_next(Answer.cut())
    assert _ask(sink) == b""


def test_an_answer_cut_in_its_body_promised_more(sink: Sink) -> None:
    sink.answer_next(Answer.cut_body(b"half"))
    head, _, body = _ask(sink).partition(b"\r\n\r\n")
    assert b"Content-Length: 9" in head
    assert body == b"half"


def test_a_drip_goes_on_a_byte_at_a_time(sink: Sink) -> None:
    for answer, beginning in ((Answer.drip(), b"HTTP/1.1 200 OK\r\nContent-Length"), (Answer.drip_headers(), b"HTTP")):
        sink.answer_next(answer)
        with _connect(sink.url) as caller:
            caller.sendall(REQUEST)
            heard = b""
            while heard.count(b"x") < 3:
                heard += caller.recv(1)
        assert heard.startswith(beginning)


def test_an_endless_body_is_as_long_as_it_promised_and_ends_with_its_reader(sink: Sink) -> None:
    sink.answer_next(Answer.endless(10**9))
    with _connect(sink.url) as caller:
        caller.sendall(REQUEST)
        heard = caller.recv(65536)
        assert b"Content-Length: 1000000000\r\n" in heard
        size = len(heard)
        while size < 5_000_000:
            size += len(caller.recv(65536))


def test_a_hanging_answer_goes_out_when_it_is_released() -> None:
    with Simulator() as simulator, _connect(simulator.base_url) as caller:
        simulator.fault(Fault.HANG, times=1)
        caller.sendall(b"GET /api/v1/status/ HTTP/1.1\r\nHost: x\r\n\r\n")
        simulator.wait_for(1)
        caller.settimeout(0.1)
        with pytest.raises(TimeoutError):
            caller.recv(4096)
        caller.settimeout(5)
        simulator.fix()
        assert caller.recv(4096).endswith(b'{"status": 200, "data": {}}')


def test_a_caller_that_gives_up_does_not_hold_a_thread(sink: Sink) -> None:
    sink.answer = lambda _: Answer.hang()
    before = set(threading.enumerate())
    callers = [_connect(sink.url) for _ in range(5)]
    for caller in callers:
        caller.sendall(REQUEST)
    sink.wait_for(5)
    for caller in callers:
        caller.close()
    waiting = set(threading.enumerate()) - before
    for thread in waiting:
        thread.join(5)
    assert not any(thread.is_alive() for thread in waiting)


@pytest.mark.parametrize("fault", list(Fault))
def test_no_fault_outlives_the_simulator(fault: Fault) -> None:
    before = threading.active_count()
    with Simulator() as simulator:
        simulator.account.put(7, Status.SENT)
        simulator.fault(fault)
        caller = _connect(simulator.base_url)
        caller.sendall(b"POST /api/v1/message/status/7/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        simulator.wait_for(1)
    caller.close()
    assert threading.active_count() == before


def test_a_wrong_content_type_is_all_that_is_wrong() -> None:
    with Simulator() as simulator:
        simulator.fault(Fault.PLAIN_TEXT_TYPE)
        with closing(http.client.HTTPConnection(*_place(simulator.base_url), timeout=5)) as connection:
            connection.request("GET", "/api/v1/status/")
            with connection.getresponse() as response:
                assert response.headers["Content-Type"] == "text/plain"
                assert response.read() == b'{"status": 200, "data": {}}'


def test_what_comes_is_shown_before_it_is_answered() -> None:
    shown: list[Recorded] = []
    with Sink(on_request=shown.append) as sink:
        assert _ask(sink).endswith(b"ok")
        assert shown == sink.records()
        assert sink.count == 1


def test_waiting_for_what_does_not_come_is_an_error(sink: Sink) -> None:
    with pytest.raises(TimeoutError, match="0 of 1 requests"):
        sink.wait_for(1, 0.01)


def test_a_broken_answer_is_seen_at_the_end() -> None:
    def broken(_: Recorded) -> Answer:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Sink(broken) as sink:
        assert _ask(sink) == b""


def _ask(sink: Sink) -> bytes:
    """Send a request and read the answer to its end."""
    with _connect(sink.url) as caller:
        caller.sendall(REQUEST.replace(b"Host: x", b"Host: x\r\nConnection: close"))
        heard = b""
        while more := caller.recv(65536):
            heard += more
        return heard


def _connect(url: str) -> socket.socket:
    return socket.create_connection(_place(url), timeout=5)


def _place(url: str) -> tuple[str, int]:
    host, _, port = url.split("/")[2].partition(":")
    return host, int(port)
