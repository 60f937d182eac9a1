"""The simulated API is what the vendor's own client expects, and misbehaves on demand."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from wbiztool_client import WbizToolClient, WbizToolError

from bridge.model import Status
from bridge.simulator import Account, Fault, Simulator
from bridge.simulator.sink import Answer, Sink
from tests.world.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message
    from pathlib import Path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def simulator(clock: FakeClock) -> Iterator[Simulator]:
    with Simulator(Account(clock), clock=clock) as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Iterator[WbizToolClient]:
    class Here(WbizToolClient):  # type: ignore[misc]  # it has no types
        BASE_URL = simulator.base_url

    made = Here(api_key=simulator.api_key, client_id=simulator.client_id, timeout=5)
    made.session.trust_env = False
    yield made
    made.session.close()


class TestWithTheVendorsClient:
    def test_it_is_healthy_and_knows_the_credentials(self, client: WbizToolClient) -> None:
        assert client.health_check() == {"status": 200, "data": {}}
        assert client.check_credentials() == {"status": 1, "message": "Okay", "name": "Simulated Ltd"}
        assert client.check_credentials(whatsapp_client=1)["status"] == 1
        with pytest.raises(WbizToolError, match="Invalid credentials"):
            client.check_credentials(whatsapp_client=99)

    def test_wrong_credentials_are_refused(self, client: WbizToolClient) -> None:
        client.api_key = "wrong"
        for call in (client.check_credentials, client.get_whatsapp_accounts, lambda: client.get_message_status(1)):
            with pytest.raises(WbizToolError, match="Auth Error") as refused:
                call()
            assert refused.value.status_code == 403

    def test_a_message_lives_from_pending_to_sent(self, client: WbizToolClient, clock: FakeClock) -> None:
        created = client.send_message(phone="919876543210", msg="Hello", webhook="https://example.com/hook")
        assert created == {"msg_id": 5001, "message": "Created", "status": 1}
        assert client.get_message_status(5001) == {"status": 0, "status_text": "Pending", "message": "connected"}
        clock.advance(2)
        assert client.get_message_status(5001)["status"] == 1

    def test_a_failed_message_says_why(self, client: WbizToolClient, simulator: Simulator) -> None:
        simulator.account.put(7, Status.FAILED, "Invalid phone number")
        answer = client.get_message_status(7)
        assert (answer["status"], answer["error"]) == (2, "Invalid phone number")

    def test_an_unknown_id_has_status_0_and_says_so(self, client: WbizToolClient) -> None:
        answer = client.get_message_status(404)
        assert (answer["status"], answer["message"]) == (0, "Unknown message id")

    def test_images_and_files_are_uploaded(self, client: WbizToolClient, tmp_path: Path) -> None:
        file = tmp_path / "invoice.pdf"
        file.write_bytes(b"%PDF \x00\xff")
        assert client.send_message(phone="91", msg="", msg_type=2, file_path=str(file))["status"] == 1
        assert client.send_message(phone="91", msg="", msg_type=1, img_url="https://example.com/a.png")["status"] == 1

    def test_groups_and_many_at_once(self, client: WbizToolClient) -> None:
        assert client.send_message_to_group("Family", "Hi")["msg_id"] == 5001
        assert client.send_bulk_messages(["91", "92"], "Hi", whatsapp_client=1)["msg_ids"] == [5002, 5003]

    def test_an_expiring_message_expires(self, client: WbizToolClient, clock: FakeClock) -> None:
        client.send_message(phone="91", msg="Code", expire_after_seconds=1)
        clock.advance(1)
        assert client.get_message_status(5001)["status"] == 4

    def test_a_scheduled_message_can_be_cancelled_a_sent_one_cannot(
        self, client: WbizToolClient, clock: FakeClock
    ) -> None:
        later = clock.now() + timedelta(hours=1)
        scheduled = client.schedule_message(phone="91", msg="Hi", schedule_time=later, whatsapp_client=1)["msg_id"]
        clock.advance(60)
        assert client.get_message_status(scheduled)["status"] == 0
        assert client.cancel_message(scheduled) == {"message": "Cancelled", "status": 1}
        assert client.get_message_status(scheduled)["status"] == 3
        sent = client.send_message(phone="91", msg="Hi")["msg_id"]
        clock.advance(60)
        with pytest.raises(WbizToolError, match="Msg has been Sent"):
            client.cancel_message(sent)
        with pytest.raises(WbizToolError, match="No msg found"):
            client.cancel_message(999)

    def test_a_wrong_schedule_is_refused(self, client: WbizToolClient) -> None:
        with pytest.raises(WbizToolError, match="timezone"):
            client.schedule_message(phone="91", msg="Hi", schedule_time="2026-12-24 09:00", timezone="Nowhere/Land")

    def test_the_report_has_pages_of_200_and_excludes_the_end_day(
        self, client: WbizToolClient, simulator: Simulator, clock: FakeClock
    ) -> None:
        for _ in range(250):
            simulator.account.send("91", "Hi")
        today = clock.now().date()
        report = client.get_messages_report(today, today + timedelta(days=1))
        assert (report["status"], report["total"], len(report["history"])) == (0, 250, 200)
        assert {"id", "message_status"} <= report["history"][0].keys()
        assert len(client.get_messages_report(today, today + timedelta(days=1), page=2)["history"]) == 50
        assert client.get_messages_report(today, today)["total"] == 0
        assert client.get_messages_report(today, today + timedelta(days=1), whatsapp_client=1)["total"] == 250

    def test_a_wrong_report_call_is_refused_with_http_200(self, client: WbizToolClient) -> None:
        with pytest.raises(WbizToolError, match="DD-MM-YYYY"):
            client.get_messages_report("2026/11/23", "2026/11/24")
        with pytest.raises(WbizToolError, match="Unknown whatsapp_client 99"):
            client.get_messages_report("23-11-2026", "24-11-2026", whatsapp_client=99)

    def test_numbers_are_connected_or_not(self, client: WbizToolClient, simulator: Simulator) -> None:
        assert client.get_whatsapp_accounts()["whatsapp_clients"][0]["status"] == "connected"
        assert client.get_whatsapp_client_status(1) == {"message": "Connected", "status": 1}
        simulator.account.numbers[1].connected = False
        assert client.get_whatsapp_client_status(1) == {"message": "Disconnected", "status": 0}
        assert client.get_whatsapp_client_status()["whatsapp_clients"][0]["status"] == "not_connected"
        assert client.list_whatsapp_clients()["whatsapp_clients"] == []
        created = client.create_whatsapp_client("919800000002", "https://example.com/hook", login_method="phone")
        assert (created["whatsapp_client_id"], created["login_method"]) == (2, "phone")


def test_a_page_that_is_no_number_brings_an_empty_history(simulator: Simulator) -> None:
    simulator.account.send("91", "Hi")
    fields = {"start_date": "01-01-2026", "end_date": "31-12-2026", "page": "1"}
    body = _post(simulator, "/report/", fields).json
    assert (body["total"], body["history"]) == (1, [])


def test_a_form_is_taken_as_well_as_json(simulator: Simulator) -> None:
    simulator.account.put(7, Status.SENT)
    connection = http.client.HTTPConnection(simulator.base_url.split("/")[2], timeout=5)
    form = f"client_id={simulator.client_id}&api_key={simulator.api_key}"
    connection.request("POST", "/api/v1/message/status/7/", form, {"Content-Type": "application/x-www-form-urlencoded"})
    assert json.loads(connection.getresponse().read())["status"] == 1
    connection.close()


def test_without_its_slash_a_call_is_not_found(simulator: Simulator) -> None:
    assert _post(simulator, "/message/status/7").status == 404


FAULTY = {
    Fault.STATUS_OUT_OF_RANGE: (200, {"status": 7}),
    Fault.STATUS_MISSING: (200, {"status_text": "Sent"}),
    Fault.STATUS_BOOLEAN: (200, {"status": True}),
    Fault.STATUS_FLOAT: (200, {"status": 2.0}),
    Fault.STATUS_WORD: (200, {"status": "Sent"}),
    Fault.STATUS_DIGIT_STRING: (200, {"status": "1"}),
    Fault.AUTH_400: (400, {"message": "Auth Error"}),
    Fault.AUTH_403: (403, {"message": "Auth Error"}),
    Fault.AUTH_200: (200, {"status": 0, "message": "Auth Error"}),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_spoilt_answer_says_what_its_row_says(simulator: Simulator, fault: Fault) -> None:
    simulator.account.put(7, Status.SENT)
    simulator.fault(fault, times=1)
    code, fields = FAULTY[fault]
    reply = _post(simulator, "/message/status/7/")
    body = reply.json
    assert reply.status == code
    assert fields.items() <= body.items()
    assert {type(body[name]) for name in fields} == {type(value) for value in fields.values()}
    assert _post(simulator, "/message/status/7/").json["status"] == 1


@pytest.mark.parametrize(
    ("fault", "code", "beginning"),
    [
        (Fault.FORBIDDEN_PAGE, 403, b"<!DOCTYPE"),
        (Fault.SERVER_ERROR, 500, b"Internal"),
        (Fault.BAD_GATEWAY_PAGE, 502, b"<!DOCTYPE"),
        (Fault.PAGE_200, 200, b"<!DOCTYPE"),
        (Fault.EMPTY, 200, b""),
        (Fault.ARRAY, 200, b"[{"),
        (Fault.NULL, 200, b"null"),
        (Fault.HUGE, 200, b'{"status": 1, "padding"'),
        (Fault.BAD_UTF8, 200, b'{"status": 1, "status_text": "S\xff'),
        (Fault.DEEP, 200, b"[[[["),
        (Fault.PLAIN_TEXT_TYPE, 200, b'{"status": 1'),
        (Fault.REDIRECT, 307, b""),
        (Fault.THROTTLED, 429, b"{"),
    ],
)
def test_a_wrong_body_comes_as_it_is(simulator: Simulator, fault: Fault, code: int, beginning: bytes) -> None:
    simulator.account.put(7, Status.SENT)
    simulator.fault(fault)
    reply = _post(simulator, "/message/status/7/")
    assert (reply.status, reply.body[: len(beginning)]) == (code, beginning)
    if fault is Fault.REDIRECT:
        assert reply.headers["Location"].startswith("https://elsewhere.invalid/")


def test_throttling_says_when_in_both_forms(simulator: Simulator) -> None:
    simulator.fault(Fault.THROTTLED_SECONDS, times=1)
    assert _post(simulator, "/message/status/7/").headers["Retry-After"] == "2"
    simulator.fault(Fault.THROTTLED_DATE, times=1)
    assert _post(simulator, "/message/status/7/").headers["Retry-After"].endswith("GMT")


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.CUT_BODY])
def test_a_cut_answer_is_cut(simulator: Simulator, fault: Fault) -> None:
    simulator.account.put(7, Status.SENT)
    simulator.fault(fault)
    with pytest.raises((http.client.RemoteDisconnected, http.client.IncompleteRead)):
        _post(simulator, "/message/status/7/")


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.DRIP_BODY, Fault.DRIP_HEADERS])
def test_a_slow_answer_does_not_end(simulator: Simulator, fault: Fault) -> None:
    simulator.fault(fault)
    assert _still_going_after(simulator, 0.3)


def test_faults_hit_one_message_or_a_share(simulator: Simulator) -> None:
    simulator.account.put(7, Status.SENT)
    simulator.account.put(8, Status.SENT)
    simulator.fault(Fault.SERVER_ERROR, message_id=7)
    assert [_post(simulator, f"/message/status/{id_}/").status for id_ in (7, 8)] == [500, 200]
    simulator.mend()
    simulator.fault(Fault.SERVER_ERROR, share=0.5)
    codes = [_post(simulator, "/message/status/7/").status for _ in range(60)]
    assert 15 < codes.count(500) < 45
    assert simulator.polls[7] == 61


def test_nothing_is_left_of_it_afterwards() -> None:
    before = threading.active_count()
    with Simulator() as simulator, Sink(lambda _: Answer.hang()) as sink:
        simulator.fault(Fault.HANG)
        callers = [socket.create_connection(("127.0.0.1", int(url.split(":")[2].split("/")[0]))) for url in
                   (simulator.base_url, sink.url)]  # fmt: skip
        for caller in callers:
            caller.sendall(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        simulator.wait_for(1)  # what nobody has read yet when a socket closes makes a reset of the end
        sink.wait_for(1)
    for caller in callers:
        assert caller.recv(10) == b""
        caller.close()
    assert threading.active_count() == before


def test_it_runs_as_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "bridge.simulator", "--messages", "3", "--life", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base_url = json.loads(process.stdout.readline())["base_url"]
        with closing(http.client.HTTPConnection(base_url.split("/")[2], timeout=5)) as connection:
            connection.request("GET", "/api/v1/status/")
            with connection.getresponse() as response:
                assert json.loads(response.read()) == {"status": 200, "data": {}}
        process.terminate()
        assert process.wait(5) == 0


def test_a_script_is_the_life_of_a_message(clock: FakeClock) -> None:
    account = Account(clock)
    account.put(7, script=[(10, Status.EXPIRED, None)])
    assert account.history() == {7: [(0.0, "pending"), (10, "expired")]}
    clock.advance(11)
    assert account.status(7) == (Status.EXPIRED, None)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def _post(simulator: Simulator, path: str, fields: dict[str, object] | None = None) -> Reply:
    with closing(http.client.HTTPConnection(simulator.base_url.split("/")[2], timeout=5)) as connection:
        body = json.dumps({"client_id": simulator.client_id, "api_key": simulator.api_key, **(fields or {})})
        connection.request("POST", f"/api/v1{path}", body, {"Content-Type": "application/json"})
        with connection.getresponse() as response:
            return Reply(response.status, response.headers, response.read())


def _still_going_after(simulator: Simulator, seconds: float) -> bool:
    """Whether an answer has not ended by then: a drip outlives any time-out between two bytes."""
    host, port = simulator.base_url.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as caller:
        caller.sendall(b"POST /api/v1/me/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if not caller.recv(1024):
                    return False
            except TimeoutError:
                return True
    return True
