"""What the API's calls take and refuse beside what the vendor's client shows, and what is remembered of them."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from wbiztool_client import WbizToolClient, WbizToolError  # type: ignore[import-untyped]  # it has no types

from bridge.domain.model import Status
from bridge.simulator.account import Account
from bridge.simulator.api import Simulator
from bridge.simulator.faults import Fault
from tests.world.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def simulator(clock: FakeClock) -> Iterator[Simulator]:
    with Simulator(Account(clock)) as running:
        yield running


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.trust_env = False
        yield made


@pytest.fixture
def client(simulator: Simulator) -> Iterator[WbizToolClient]:
    made = WbizToolClient(api_key=simulator.api_key, client_id=simulator.client_id, timeout=5)
    made.BASE_URL = simulator.base_url
    made.session.trust_env = False
    yield made
    made.session.close()


def test_many_at_once_are_answered_as_the_vendors_client_says(client: WbizToolClient) -> None:
    answer = client.send_bulk_messages("91, 92", "Hi", whatsapp_client=1)
    assert answer["msg_ids"] == [5001, 5002]
    assert answer["message"] == "Successfully created 2 messages"
    assert [message["phone"] for message in answer["messages"]] == ["91", "92"]


def test_many_at_once_and_scheduled_ones_need_a_number_to_be_sent_from(client: WbizToolClient) -> None:
    with pytest.raises(WbizToolError, match="Invalid whatsapp_client"):
        client.send_bulk_messages(["91"], "Hi")
    with pytest.raises(WbizToolError, match="Invalid whatsapp_client"):
        client.schedule_message(phone="91", msg="Hi", schedule_time="2026-12-24 09:00")


def test_a_schedule_is_read_in_its_zone(client: WbizToolClient, clock: FakeClock) -> None:
    local = clock.now() + timedelta(hours=5.5, minutes=10)
    scheduled = client.schedule_message(
        group_name="Family", msg="Hi", schedule_time=_naive(local), timezone="Asia/Kolkata", whatsapp_client=1
    )["msg_id"]
    clock.advance(9 * 60)
    assert client.get_message_status(scheduled)["status_text"] == "Pending"
    clock.advance(2 * 60)
    assert client.get_message_status(scheduled)["status_text"] == "Sent"


def test_the_report_of_a_number_holds_what_was_sent_from_it(
    client: WbizToolClient, simulator: Simulator, clock: FakeClock
) -> None:
    simulator.account.connect(2)
    sent = client.send_message("91", "Hi", whatsapp_client=2)["msg_id"]
    client.send_message("91", "Hi")
    today = clock.now().date()
    report = client.get_messages_report(today, today + timedelta(days=1), whatsapp_client=2)
    assert [message["id"] for message in report["history"]] == [sent]


def test_an_upload_brings_its_text_whole(client: WbizToolClient, simulator: Simulator, tmp_path: Any) -> None:
    file = tmp_path / "invoice.pdf"
    file.write_bytes(b"%PDF \x00\xff")
    client.send_message(phone="91", msg="Grüße 🌞", msg_type=2, file_path=str(file))
    client.send_message_to_group("Familie Müller", "", msg_type=1, file_path=str(file))
    assert [(message.phone, message.text) for message in simulator.account.messages()] == [
        ("91", "Grüße 🌞"),
        ("Familie Müller", ""),
    ]


def test_a_number_is_connected_again_under_its_own_id(client: WbizToolClient, simulator: Simulator) -> None:
    assert client.create_whatsapp_client(whatsapp_client_id=1)["whatsapp_client_id"] == 1
    assert client.get_specific_whatsapp_client_status(1)["message"] == "Disconnected"
    simulator.account.connect(1)
    assert client.get_specific_whatsapp_client_status(1)["message"] == "Connected"
    with pytest.raises(WbizToolError, match="Invalid whatsapp_client"):
        client.get_whatsapp_client_status(99)
    with pytest.raises(WbizToolError, match="whatsapp_number is missing"):
        client.create_whatsapp_client(login_method="phone")


@pytest.mark.parametrize(
    ("path", "fields", "why"),
    [
        ("/send_msg/", {"msg": "Hi"}, "Phone number is required"),
        ("/send_msg/", {"phone": "91", "whatsapp_client": "nine"}, "Invalid whatsapp_client"),
        ("/send_msg/", {"phone": "91", "expire_after_seconds": "soon"}, "Invalid expire_after_seconds"),
        ("/send_msg/multi/", {"phone": " , ", "whatsapp_client": 1}, "Phone numbers are required"),
        ("/schedule_msg/", {"whatsapp_client": 1}, "Phone number is required"),
        ("/cancel_msg/", {"msg_id": "²"}, "No msg found for given msg_id"),
    ],
)
def test_a_call_that_lacks_something_is_refused_with_http_200(
    simulator: Simulator, session: requests.Session, path: str, fields: dict[str, object], why: str
) -> None:
    answer = _post(simulator, session, path, **fields)
    assert (answer.status_code, answer.json()) == (200, {"status": 0, "message": why})
    assert simulator.account.messages() == []


def test_a_call_without_a_key_is_a_bad_request(simulator: Simulator, session: requests.Session) -> None:
    for body in (b"", b"{", b"[" * 100_000):
        answer = session.post(f"{simulator.base_url}/me/", data=body, timeout=5)
        assert (answer.status_code, answer.json()["message"]) == (400, "Auth Error")


def test_a_form_is_taken_as_well_as_json(simulator: Simulator, session: requests.Session) -> None:
    simulator.account.put(7, Status.SENT)
    form = {"client_id": str(simulator.client_id), "api_key": simulator.api_key}
    assert session.post(f"{simulator.base_url}/message/status/7/", data=form, timeout=5).json()["status"] == 1


def test_without_its_slash_a_call_is_not_found(simulator: Simulator, session: requests.Session) -> None:
    simulator.account.put(7, Status.SENT)
    assert _post(simulator, session, "/message/status/7").status_code == 404


def test_a_page_that_is_no_json_number_brings_an_empty_history(simulator: Simulator, session: requests.Session) -> None:
    simulator.account.send("91", "Hi")
    answer = _post(simulator, session, "/report/", start_date="01-01-2026", end_date="31-12-2026", page="1").json()
    assert (answer["total"], answer["history"]) == (1, [])


def test_there_is_nothing_outside_the_base_path(simulator: Simulator, session: requests.Session) -> None:
    outside = simulator.base_url.removesuffix("/api/v1")
    assert session.post(f"{outside}/me/", json={}, timeout=5).status_code == 404
    assert session.get(f"{outside}/status/", timeout=5).status_code == 404
    assert session.get(f"{simulator.base_url}/me/", timeout=5).status_code == 404


def test_calls_are_remembered_without_what_they_brought(simulator: Simulator, session: requests.Session) -> None:
    before = time.monotonic()
    session.get(f"{simulator.base_url}/status/?api_key={simulator.api_key}", timeout=5)
    _post(simulator, session, "/message/status/7/")
    health, poll = simulator.records()
    assert (health.method, health.path, health.message_id) == ("GET", "/status/", None)
    assert (poll.method, poll.path, poll.message_id) == ("POST", "/message/status/7/", 7)
    assert before <= health.at <= poll.at <= time.monotonic()
    assert simulator.api_key not in repr(simulator.records())
    assert simulator.counts() == ({"/status/": 1, "/message/status/": 1}, {7: 1})


def test_a_benchmarks_calls_are_only_counted(session: requests.Session) -> None:
    with Simulator(keep=False) as simulator:
        _post(simulator, session, "/message/status/7/")
        simulator.wait_for(1)
        assert simulator.records() == []
        assert simulator.polls[7] == 1
        with pytest.raises(TimeoutError, match="1 of 2 calls"):
            simulator.wait_for(2, 0.01)


def test_the_first_fault_that_fits_comes_first_and_as_often_as_asked(
    simulator: Simulator, session: requests.Session
) -> None:
    simulator.account.put(7, Status.SENT)
    simulator.fault(Fault.SERVER_ERROR, times=2)
    simulator.fault(Fault.AUTH_403, message_id=7)
    codes = [_post(simulator, session, f"/message/status/{id_}/").status_code for id_ in (7, 8, 7, 8)]
    assert codes == [500, 500, 403, 200]
    simulator.fix()
    assert _post(simulator, session, "/message/status/7/").status_code == 200
    with pytest.raises(ValueError, match="1 or more"):
        simulator.fault(Fault.CUT, times=0)


def test_the_same_seed_spoils_the_same_answers(session: requests.Session) -> None:
    runs = []
    for _ in range(2):
        with Simulator(seed=5) as simulator:
            simulator.fault(Fault.SERVER_ERROR, share=0.3)
            runs.append([_post(simulator, session, "/message/status/7/").status_code for _ in range(40)])
    assert runs[0] == runs[1]
    assert 500 in runs[0]
    assert 200 in runs[0]


def test_a_digit_string_fault_leaves_a_page_alone(simulator: Simulator, session: requests.Session) -> None:
    simulator.fault(Fault.STATUS_DIGIT_STRING)
    assert _post(simulator, session, "/nowhere/").status_code == 404


def test_every_answer_takes_the_latency(simulator: Simulator, session: requests.Session) -> None:
    simulator.latency = 0.1
    started = time.monotonic()
    _post(simulator, session, "/me/")
    assert time.monotonic() - started >= 0.1


def _post(simulator: Simulator, session: requests.Session, path: str, **fields: object) -> requests.Response:
    body = {"client_id": simulator.client_id, "api_key": simulator.api_key, **fields}
    return session.post(f"{simulator.base_url}{path}", json=body, timeout=5)


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
