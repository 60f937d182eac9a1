"""The page of deliveries."""

from __future__ import annotations

from bridge.domain.model import Delivery, DeliveryState, EventType, Status
from bridge.domain.samples import sample_event
from bridge.server.ui.deliveries import DeliveriesPage, address, deliveries_page
from bridge.server.ui.forms import Notice
from bridge.server.ui.sending_again import sent_again
from bridge.server.ui.timeline import about, title_of
from bridge.store.history import GivenUp
from bridge.store.paging import Page
from tests.unit.receivers.events import changed, receiver_down, source_down
from tests.world.clock import START

QUEUED, DEAD = DeliveryState.QUEUED, DeliveryState.DEAD
COUNTS = {"crm": {QUEUED: 3, DEAD: 2}, "ops": {QUEUED: 4}}
REASONS = tuple(GivenUp(name, "410 Gone", 1, 1) for name in ("crm", "ops"))


def page(
    state: DeliveryState | None = DEAD, receiver: str | None = None, cursor: str | None = None, more: str | None = None
) -> DeliveriesPage:
    found: Page[Delivery] = Page((), more)
    return deliveries_page(found, COUNTS, REASONS, state=state, receiver=receiver, cursor=cursor)


def test_tabs_count_what_waits_for_somebody() -> None:
    counts = {tab.name: tab.count for tab in page().tabs}
    assert counts == {"All": None, "Dead letters": 2, "Queued": 7, "Delivered": None, "Not sent": None}
    assert [tab.name for tab in page().tabs if tab.current] == ["Dead letters"]
    assert {tab.name: tab.count for tab in page(receiver="ops").tabs}["Dead letters"] == 0


def test_one_receiver_has_reasons_and_addresses_of_its_own() -> None:
    shown = page(receiver="a b&c")
    assert shown.reasons == ()
    assert all("receiver=a+b%26c" in tab.href for tab in shown.tabs)
    assert shown.every_receiver == "deliveries?state=dead"
    assert page(receiver="crm").reasons == REASONS[:1]


def test_rows_name_what_they_are_about_and_what_happened() -> None:
    events = (
        changed(12346, status=Status.FAILED),
        receiver_down("ops"),
        source_down(),
        sample_event(START, EventType.SUMMARY),
    )
    assert [(about(event), title_of(event)) for event in events] == [
        ("12346", "Failed"),
        ("ops", "Receiver down"),
        ("WbizTool's API", "Status API down"),
        ("", "Summary"),
    ]


def test_pages_lead_to_older_ones_and_back_to_the_newest() -> None:
    assert (page().older, page().newest) == (None, None)
    assert page(more="xyz").older == "deliveries?state=dead&cursor=xyz"
    assert page(None, "crm", "abc").newest == "deliveries?receiver=crm"
    assert address(None, None) == "deliveries"


def test_what_came_of_a_retry_is_said() -> None:
    assert sent_again(1, "crm") == Notice("good", "1 delivery to crm is on the way again.")
    assert sent_again(1200, None) == Notice("good", "1,200 deliveries are on the way again.")
    assert sent_again(0, "crm").tone == "bad"
