"""Every call that the vendor's own client has works against the simulator, unchanged but for the base URL."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from wbiztool_client import WbizToolClient, WbizToolError  # type: ignore[import-untyped]  # it has no types

from bridge.domain.model import Status
from bridge.simulator.account import Account
from bridge.simulator.api import Simulator
from tests.world.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CALLED = {
    "cancel_message",
    "check_credentials",
    "create_whatsapp_client",
    "get_message_status",
    "get_messages_report",
    "get_specific_whatsapp_client_status",
    "get_whatsapp_accounts",
    "get_whatsapp_client_status",
    "health_check",
    "list_whatsapp_clients",
    "schedule_message",
    "send_bulk_messages",
    "send_message",
    "send_message_to_group",
}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def simulator(clock: FakeClock) -> Iterator[Simulator]:
    with Simulator(Account(clock)) as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Iterator[WbizToolClient]:
    made = WbizToolClient(api_key=simulator.api_key, client_id=simulator.client_id, timeout=5)
    made.BASE_URL = simulator.base_url
    made.session.trust_env = False
    yield made
    made.session.close()


def test_no_call_of_the_client_is_left_out() -> None:
    methods = inspect.getmembers(WbizToolClient, inspect.isfunction)
    assert {name for name, _ in methods if not name.startswith("_")} == CALLED


def test_it_is_healthy_and_knows_the_credentials(client: WbizToolClient) -> None:
    assert client.health_check() == {"status": 200, "data": {}}
    assert client.check_credentials() == {"status": 1, "message": "Okay", "name": "Simulated Ltd"}
    assert client.check_credentials(whatsapp_client=1)["status"] == 1
    with pytest.raises(WbizToolError, match="Invalid credentials"):
        client.check_credentials(whatsapp_client=99)


@pytest.mark.parametrize("wrong", [{"api_key": "wrong"}, {"client_id": 99}])
def test_wrong_credentials_are_refused_by_every_call(client: WbizToolClient, wrong: dict[str, object]) -> None:
    for name, value in wrong.items():
        setattr(client, name, value)
    for call in (client.check_credentials, client.get_whatsapp_accounts, lambda: client.get_message_status(1)):
        with pytest.raises(WbizToolError, match="Auth Error") as refused:
            call()
        assert refused.value.status_code == 403


def test_a_message_lives_from_pending_to_sent(client: WbizToolClient, clock: FakeClock) -> None:
    created = client.send_message(phone="919876543210", msg="Hello", webhook="https://example.com/hook")
    assert created == {"msg_id": 5001, "message": "Created", "status": 1}
    assert client.get_message_status(5001) == {"status": 0, "status_text": "Pending", "message": "connected"}
    clock.advance(2)
    assert client.get_message_status(5001) == {"status": 1, "status_text": "Sent", "message": "connected"}


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (Status.PENDING, 0, "Pending"),
        (Status.SENT, 1, "Sent"),
        (Status.CANCELLED, 3, "Cancelled"),
        (Status.EXPIRED, 4, "Expired"),
    ],
)
def test_a_status_has_its_code_and_words_and_no_error(
    client: WbizToolClient, simulator: Simulator, status: Status, code: int, words: str
) -> None:
    simulator.account.put(7, status)
    assert client.get_message_status(7) == {"status": code, "status_text": words, "message": "connected"}


def test_a_failed_message_says_why(client: WbizToolClient, simulator: Simulator) -> None:
    simulator.account.put(7, Status.FAILED, "Invalid phone number")
    assert client.get_message_status(7) == {
        "status": 2,
        "status_text": "Failed",
        "message": "connected",
        "error": "Invalid phone number",
    }


def test_an_unknown_id_has_status_0_and_says_so(client: WbizToolClient) -> None:
    answer = client.get_message_status(404)
    assert (answer["status"], answer["message"]) == (0, "Unknown message id")


def test_an_image_by_url_and_a_file_from_the_disk_are_sent(client: WbizToolClient, tmp_path: Path) -> None:
    file = tmp_path / "invoice.pdf"
    file.write_bytes(b"%PDF \x00\xff")
    assert client.send_message(phone="91", msg="", msg_type=1, img_url="https://example.com/a.png")["msg_id"] == 5001
    assert client.send_message(phone="91", msg="", msg_type=2, file_path=str(file))["msg_id"] == 5002


def test_a_group_gets_a_message(client: WbizToolClient) -> None:
    assert client.send_message_to_group("Family", "Hi") == {"msg_id": 5001, "message": "Created", "status": 1}


def test_many_get_a_message_each(client: WbizToolClient) -> None:
    assert client.send_bulk_messages(["91", "92"], "Hi", whatsapp_client=1)["msg_ids"] == [5001, 5002]


def test_an_expiring_message_expires(client: WbizToolClient, clock: FakeClock) -> None:
    client.send_message(phone="91", msg="Code", expire_after_seconds=1)
    clock.advance(1)
    assert client.get_message_status(5001)["status_text"] == "Expired"


def test_a_scheduled_message_can_be_cancelled_and_a_sent_one_cannot(client: WbizToolClient, clock: FakeClock) -> None:
    later = clock.now() + timedelta(hours=1)
    scheduled = client.schedule_message(phone="91", msg="Hi", schedule_time=later, whatsapp_client=1)["msg_id"]
    assert client.cancel_message(scheduled) == {"message": "Cancelled", "status": 1}
    assert client.get_message_status(scheduled)["status_text"] == "Cancelled"
    sent = client.send_message(phone="91", msg="Hi")["msg_id"]
    clock.advance(60)
    with pytest.raises(WbizToolError, match="Msg has been Sent"):
        client.cancel_message(sent)
    with pytest.raises(WbizToolError, match="No msg found"):
        client.cancel_message(999)


def test_a_schedule_that_cannot_be_read_is_refused(client: WbizToolClient) -> None:
    with pytest.raises(WbizToolError, match="timezone"):
        client.schedule_message(phone="91", msg="Hi", schedule_time="2026-12-24 09:00", timezone="Nowhere/Land")


def test_the_report_has_pages_of_200_and_status_0(
    client: WbizToolClient, simulator: Simulator, clock: FakeClock
) -> None:
    for _ in range(250):
        simulator.account.send("91", "Hi")
    today = clock.now().date()
    tomorrow = today + timedelta(days=1)
    first, second = (client.get_messages_report(today, tomorrow, page=page) for page in (1, 2))
    assert (first["status"], first["message"], first["total"]) == (0, "Success", 250)
    assert (len(first["history"]), len(second["history"])) == (200, 50)
    assert {message["id"] for message in first["history"] + second["history"]} == set(range(5001, 5251))
    assert first["history"][0]["message_status"] == "Pending"
    assert client.get_messages_report(today, today)["total"] == 0


def test_a_wrong_report_call_is_refused_with_http_200(client: WbizToolClient) -> None:
    with pytest.raises(WbizToolError, match="DD-MM-YYYY") as refused:
        client.get_messages_report("2026/11/23", "2026/11/24")
    assert refused.value.status_code == 200
    with pytest.raises(WbizToolError, match="Unknown whatsapp_client 99"):
        client.get_messages_report("23-11-2026", "24-11-2026", whatsapp_client=99)


def test_numbers_are_connected_or_not(client: WbizToolClient, simulator: Simulator) -> None:
    assert client.get_whatsapp_accounts()["whatsapp_clients"] == [
        {"whatsapp_client_id": 1, "whatsapp_number": "919800000001", "status": "connected"}
    ]
    assert client.get_whatsapp_client_status(1) == {"message": "Connected", "status": 1}
    assert [number["is_connected"] for number in client.list_whatsapp_clients()["whatsapp_clients"]] == [True]
    simulator.account.connect(1, connected=False)
    assert client.get_specific_whatsapp_client_status(1) == {"message": "Disconnected", "status": 0}
    assert client.get_whatsapp_client_status()["whatsapp_clients"][0]["status"] == "not_connected"
    assert client.list_whatsapp_clients()["whatsapp_clients"] == []


def test_a_number_is_added(client: WbizToolClient) -> None:
    created = client.create_whatsapp_client("919800000002", "https://example.com/hook", login_method="phone")
    assert created == {
        "message": "Whatsapp Client Created",
        "whatsapp_client_id": 2,
        "login_method": "phone",
        "status": 1,
    }
