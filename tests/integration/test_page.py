"""The page on a real server and a real store: what a browser gets, and what it may change."""

from __future__ import annotations

import re
import shutil
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests
from bs4 import BeautifulSoup, Tag

from bridge.domain.clock import isoformat
from bridge.domain.errors import NotNowError
from bridge.domain.health import ALIVE, Health
from bridge.domain.model import DeliveryState, Details, Status
from bridge.domain.mute import Hold, Mute
from bridge.domain.outcome import Dead, Retry
from bridge.domain.routing import Subscription
from bridge.domain.settings.external_url import parse_external
from bridge.server.app import make_app
from bridge.server.auth import Access
from bridge.server.context import ServerContext
from bridge.server.event_stream import Streams
from bridge.server.server import HttpServer
from bridge.server.tcp import TcpPlace
from bridge.store.store import Store
from tests.world.clock import FakeClock
from tests.world.records import NOW, OK, after, due, fail_some, keep_down, known, observe, polled, statements, tried

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

TOKEN = "token-0123456789abcdef"
MARKUP = '<script>alert(1)</script> & "quoted" <img src=x onerror=alert(1)>'
CLOCK = FakeClock(NOW + timedelta(minutes=3))


class Page:
    """What a browser got."""

    def __init__(self, answer: requests.Response) -> None:
        self.status = answer.status_code
        self.url = answer.url
        self.headers = answer.headers
        self.html = answer.text
        self.soup = BeautifulSoup(answer.text, "html.parser")

    def text(self, selector: str) -> str:
        """The words of the one part that a selector names, with single spaces."""
        (found,) = self.soup.select(selector)
        return _words(found)

    def texts(self, selector: str) -> list[str]:
        """The words of each part that a selector names."""
        return list(map(_words, self.soup.select(selector)))

    def link(self, words: str) -> str:
        """Where the one link with these words leads to."""
        (found,) = [each for each in self.soup.find_all("a") if _words(each).startswith(words)]
        return urljoin(self.url, str(found["href"]))


class Browser:
    """Opens pages as a browser without JavaScript does."""

    def __init__(self, server: HttpServer) -> None:
        host, port = server.address
        self.root = f"http://{host}:{port}/"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Accept"] = "text/html,application/xhtml+xml,*/*;q=0.8"

    def open(self, path: str, method: str = "GET") -> Page:
        return Page(self._session.request(method, urljoin(self.root, path), timeout=10))

    def log_in(self, password: str) -> None:
        self._session.auth = ("anybody", password)

    def send(self, page: Page, button: str, token: str = TOKEN, **more: Any) -> Page:
        """Write the token, and ``more``, into the page's form, tick the boxes of its ``ids``, and press a button."""
        (form,) = page.soup.select("form#act")
        (pressed,) = [each for each in page.soup.find_all("button") if _words(each).startswith(button)]
        fields = [(str(each["name"]), str(each.get("value", ""))) for each in form.select("input[type=hidden][name]")]
        fields += [("ids", str(page.soup.select(f"input#pick-{id_}")[0]["value"])) for id_ in more.pop("ids", ())]
        fields += [*more.items(), ("token", token), (str(pressed["name"]), str(pressed["value"]))]
        assert pressed["form"] == "act"
        return Page(self._session.post(urljoin(page.url, str(pressed["formaction"])), data=fields, timeout=20))

    def close(self) -> None:
        self._session.close()


class Serve(Protocol):
    """Serves the pages of a store and gives a browser."""

    def __call__(
        self,
        store: Store,
        *,
        token: str | None = TOKEN,
        receivers: Sequence[str] = ...,
        external: str | None = None,
        trusted: bool = False,
    ) -> Browser: ...


def nothing(*_: object) -> None:
    pass


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(
            store: Store,
            *,
            token: str | None = TOKEN,
            receivers: Sequence[str] = ("crm",),
            external: str | None = None,
            trusted: bool = False,
        ) -> Browser:
            place = None if external is None else parse_external(external)
            access = Access(token=token, external=place, trusted=trusted)
            context = ServerContext(
                *(store, CLOCK.now, nothing, nothing, nothing, Streams()),
                receivers=lambda: receivers,
                subscriptions=lambda: [Subscription(name, ("*",)) for name in receivers],
            )
            app = make_app(lambda: Health({}), lambda _: (b"", ""), access=access, context=context)
            server = HttpServer(app, TcpPlace("127.0.0.1", 0))
            server.start()
            stack.callback(server.stop, 1)
            browser = Browser(server)
            stack.callback(browser.close)
            return browser

        yield start


@pytest.fixture
def lite(_sqlite_made: Path, tmp_path: Path) -> Iterator[Store]:
    """A store on SQLite: what the pages ask of it is tested on PostgreSQL by the store's own tests."""
    shutil.copy(_sqlite_made, tmp_path / "bridge.db")
    with Store(f"sqlite:///{tmp_path}/bridge.db", exclusive=True) as opened:
        opened.set_fact(ALIVE, isoformat(CLOCK.now()))
        yield opened


def _words(tag: Tag) -> str:
    return " ".join(tag.get_text(" ").split())


def watched(store: Store, id_: int, label: str | None = None, status: Status | None = None, **tags: str) -> None:
    store.messages.watch([id_], NOW, Details(label, tags))
    if status is not None:
        observe(store, id_, status)


def give_up(store: Store, *ids: int, reason: str = "410 Gone", to: str = "crm") -> list[int]:
    """Let messages fail, and their deliveries become dead letters; the ids of these."""
    fail_some(store, ids, to=(to,))
    queued = due(store, receiver=to)
    for each in queued:
        tried(store, each, Dead(reason), after(60), answer=MARKUP)
    return [each.id for each in queued]


def states(store: Store) -> dict[int, str]:
    return {each.id: str(each.state) for each in store.history.deliveries().items}


def test_the_overview_tells_at_a_glance(store: Store, serve: Serve) -> None:
    store.set_fact(ALIVE, isoformat(CLOCK.now()))
    for id_, status in enumerate([Status.SENT, Status.SENT, Status.PENDING, None], 1):
        watched(store, id_, status=status)
    give_up(store, 5)
    page = serve(store).open("/")
    assert page.texts(".now .tile-in") == ["Pending 1", "Not seen yet 1"]
    assert page.texts(".lately .caption") == ["Last 24 hours"]
    assert page.texts(".lately .tile-in") == ["Sent 2", "Failed 1", "Expired 0", "Cancelled 0", "Unknown 0"]
    assert page.text(".totals .all").startswith("All messages that the bridge knows: 2 sent , 1 failed , 0 expired ,")
    assert page.text("#whys") == "Invalid number 1 (100 %)"
    assert page.text("#failed-lately .row.failure") == "5 Invalid phone number 3 min ago"
    assert page.text("#open .row") == "5 Failed: Invalid phone number 3 min ago Acknowledge 5"
    assert page.text("#open-count") == "1 open"
    assert "2 messages were sent and 1 failed" in str(page.soup.select("svg.chart")[0]["aria-label"])
    assert "20:00:00 UTC 2 1" in page.text(".as-table")
    assert page.text("#queued tbody tr") == "crm failing 0 4 dead letters of crm Send a test to crm"


def test_where_all_is_well_it_says_so(lite: Store, serve: Serve) -> None:
    watched(lite, 1, status=Status.SENT)
    page = serve(lite).open("/")
    assert page.text("#standing").startswith("All is well")
    assert page.text("head title") == "Overview · WbizTool bridge"
    assert "well.svg" in str(page.soup.select("link[rel=icon]")[0]["href"])


@pytest.mark.slow
def test_banner_agrees_with_what_is_open_and_what_is_held(lite: Store, serve: Serve) -> None:
    watched(lite, 1, status=Status.FAILED)
    fail_some(lite, [2], to=("ops", "crm"))
    lite.mutes.hold(Hold("crm", NOW, NOW + timedelta(hours=1)))
    browser = serve(lite, receivers=["crm", "ops"])
    page = browser.open("/")
    banner = page.text("#standing")
    assert banner.startswith(
        "The bridge works. 2 problems are open . 1 message is polled, and 1 delivery is under way. 2 "
    )
    assert "2 deliveries are held until 23 Nov 2026, 21:00:00 UTC ( quiet hours )." in banner
    assert page.link("2 problems are open").endswith("#open")
    assert page.texts("#queued tbody th") == ["crm quiet hours", "ops"]
    told = "crm Queued held until 23 Nov 2026, 21:00:00 UTC ( quiet hours )"
    assert told in browser.open("/messages/2").text("#story")
    assert "held until 23 Nov 2026, 21:00:00 UTC" in browser.open("/deliveries?receiver=crm").texts(".row .why")[0]
    lite.mutes.mute(Mute("crm", NOW, NOW + timedelta(minutes=30)))
    lite.mutes.mute(Mute("ops", NOW, NOW + timedelta(hours=2)))
    assert browser.open("/").texts("#queued tbody th") == ["crm muted", "ops muted"]


def test_banner_tells_what_is_thrown_away_and_what_hold_keeps_back(lite: Store, serve: Serve) -> None:
    watched(lite, 1)
    wants = [Subscription("crm", ("*",), hold=timedelta(minutes=10)), Subscription("ops", ("*",))]
    lite.record_polls([polled(known(lite, 1), Status.FAILED, CLOCK.now())], wants)
    lite.mutes.mute(Mute("old", NOW, CLOCK.now() + timedelta(hours=1), drops=True))
    page = serve(lite, receivers=["crm", "ops"]).open("/")
    banner = page.text("#standing")
    assert "0 messages are polled, 1 delivery is under way, and 1 delivery is due later." in banner
    assert "old is muted until 23 Nov 2026, " in banner
    assert "what happens meanwhile is never sent (0 events so far)." in banner


@pytest.mark.slow
def test_all_is_not_well_while_a_mute_throws_alerts_away(lite: Store, serve: Serve) -> None:
    lite.messages.watch([1], NOW)
    lite.mutes.mute(Mute("crm", NOW, CLOCK.now() + timedelta(hours=1), drops=True))
    banner = serve(lite, receivers=["crm"]).open("/").text("#standing")
    assert banner.startswith("The bridge works 1 message is polled. crm is muted until 23 Nov 2026, ")
    lite.mutes.end("crm", NOW)
    fail_some(lite, [2])
    lite.mutes.mute(Mute("ops", NOW, CLOCK.now() + timedelta(hours=1), drops=True))
    keep_down(lite, 2, probes=1)
    banner = serve(lite, receivers=["crm", "ops"]).open("/").text("#standing")
    assert banner.startswith("1 thing needs your attention")
    assert "ops is muted until 23 Nov 2026, " in banner


def test_what_hold_keeps_back_is_no_error(lite: Store, serve: Serve) -> None:
    watched(lite, 1)
    wants = [Subscription("crm", ("*",), hold=timedelta(minutes=10))]
    lite.record_polls([polled(known(lite, 1), Status.FAILED, CLOCK.now())], wants)
    browser = serve(lite)
    (why,) = browser.open("/messages/1").soup.select(".delivery .why")
    assert "held back: sent if" in why.get_text()
    assert why["class"] == ["why", "calm"]
    assert "within 10 min ( hold ) · sent in 10 min" in browser.open("/deliveries").text(".row .why")


def test_reasons_that_are_not_shown_are_summed_up(lite: Store, serve: Serve) -> None:
    errors = ["Invalid phone number"] * 3 + ["Not on WhatsApp"] * 2 + ["Media too large", "Odd", "Strange", "Weird"]
    for id_, error in enumerate(errors, 1):
        watched(lite, id_, status=Status.PENDING)
        lite.record_polls([polled(known(lite, id_), Status.FAILED, CLOCK.now(), error=error)], [])
    rows = serve(lite).open("/").texts("#whys .reason")
    assert len(rows) == 4
    assert rows[-1] == "Other reasons 3 (33 %)"


@pytest.mark.slow
@pytest.mark.parametrize("fails", [False, True])
def test_health_tells_of_mutes_and_quiet_hours_by_the_readers_clock(lite: Store, serve: Serve, fails: bool) -> None:
    """Also where the receiver fails, and is not tried for that reason."""
    morning = NOW + timedelta(hours=9)
    if fails:
        fail_some(lite, [1])
        keep_down(lite, 1, probes=1)
    lite.mutes.mute(Mute("crm", NOW, NOW + timedelta(hours=1), by="Ada"))
    lite.mutes.hold(Hold("crm", NOW, morning))
    page = serve(lite).open("/")
    (told,) = [each for each in page.soup.select("p.fault, p.part-note") if "muted until" in each.text]
    words = "muted until 23 Nov 2026, 21:00:00 UTC by Ada, then in quiet hours until 24 Nov 2026, 05:00:00 UTC"
    assert words in told.text
    assert told.text.startswith("Receiver crm has been failing" if fails else "receiver crm is muted")
    moments = [each["datetime"] for each in told.select("time[data-at]")]
    assert moments == [isoformat(NOW + timedelta(hours=1)), isoformat(morning)]


def test_lists_show_the_beginning_of_what_is_long_and_nothing_that_turns_words_around(
    lite: Store, serve: Serve
) -> None:
    watched(lite, 1, "L" * 1000)
    lite.record_polls([polled(known(lite, 1), Status.FAILED, after(10), error="abc\u202edef" + "E" * 3000)], [])
    browser = serve(lite)
    for path in ("/", "/messages", "/deliveries"):
        page = browser.open(path)
        assert "\u202e" not in page.html
        assert all(len(words) < 200 for words in page.texts(".row .label") + page.texts(".row .why"))
    whole = browser.open("/messages/1")
    assert whole.text("h1") == "L" * 1000
    assert "E" * 3000 in whole.text("#head .error")


def test_what_is_wrong_comes_first_and_with_what_to_do(lite: Store, serve: Serve) -> None:
    watched(lite, 1, status=Status.FAILED)
    tried(lite, due(lite), Retry("HTTP 500"), after(1))
    page = serve(lite).open("/")
    assert page.text("#standing").startswith(
        "1 thing needs your attention Receiver crm has been failing for 2 min: HTTP 500"
    )
    assert "wbiz-bridge test crm" in page.texts("#standing code")
    assert page.text("head title") == "(1) Overview · WbizTool bridge"
    assert "ill.svg" in str(page.soup.select("link[rel=icon]")[0]["href"])
    assert page.text("#fault-count") == "1 needs your attention"
    assert page.texts("#queued tbody th") == ["crm failing"]


def test_every_page_counts_what_is_wrong(lite: Store, serve: Serve) -> None:
    watched(lite, 1, status=Status.FAILED)
    browser = serve(lite)
    assert browser.open("/messages/1").text("#fault-count") == ""
    tried(lite, due(lite), Retry("HTTP 500"), after(1))
    for path in ("/messages/1", "/messages", "/report", "/deliveries", "/help"):
        assert browser.open(path).text("#fault-count") == "1 needs your attention"


def test_a_newcomer_is_told_what_to_do(lite: Store, serve: Serve) -> None:
    browser = serve(lite, receivers=["ops"])
    for path in ("/", "/messages"):
        assert any("wbiz-bridge watch 12345" in words for words in browser.open(path).texts("pre"))
    assert "wbiz-bridge test NAME" in browser.open("/deliveries").text("main")
    assert "No dead letters" in browser.open("/deliveries?state=dead").text("main")
    assert "Nothing is queued" in browser.open("/deliveries?state=queued").text("main")


ASKED = {
    "": [4, 3, 2, 1],
    "?text=2": [2],
    "?text=%232": [2],
    "?text=88": [1],  # no id, but in a label
    "?text=INVOICE": [2, 1],
    "?text=phone": [3],
    "?status=failed": [3],
    "?status=unseen": [4],
    "?tag=team%3Dbilling": [2, 1],
    "?tag=team%3Dbilling&text=99": [2],
    "?text=nothing": [],
    "?text=%00": [4, 3, 2, 1],
    "?text=100%25": [],
    "?reason=invalid_number": [3],
    "?reason=": [],
    "?reason=blocked&status=failed": [],
    "?since=2026-11-23T20:00:00Z": [4, 3, 2, 1],
    "?until=2026-11-23T20:00:00Z": [],
}
"""What is found among four messages."""


@pytest.mark.slow
def test_messages_are_found_by_id_status_tag_and_text(lite: Store, serve: Serve) -> None:
    watched(lite, 1, "Invoice 88", Status.SENT, team="billing")
    watched(lite, 2, "Invoice 99", Status.SENT, team="billing")
    fail_some(lite, [3])
    watched(lite, 4, "Reminder")
    browser = serve(lite)
    pages = {asked: browser.open(f"/messages{asked}") for asked in ASKED}
    assert {asked: list(map(int, page.texts(".row .id"))) for asked, page in pages.items()} == ASKED
    empty = [asked for asked, page in pages.items() if "No message matches" in page.text("main")]
    assert empty == [asked for asked, found in ASKED.items() if not found]


def test_what_cannot_be_asked_is_said_on_the_page(lite: Store, serve: Serve) -> None:
    watched(lite, 1)
    browser = serve(lite)
    beside = "?since=2026-11-23T20:00Z&until=2026-11-23T19:00Z"
    for asked in ("?status=lost", "?tag=billing", "?cursor=cut", "?text=1&cursor=cut", "?since=monday", beside):
        page = browser.open(f"/messages{asked}")
        assert page.status == 400
        assert page.text("p.wrong")
        assert not page.texts(".row")


def test_filter_that_has_no_field_is_shown_kept_and_removed(lite: Store, serve: Serve) -> None:
    fail_some(lite, range(1, 61))
    asked = "status=failed&reason=invalid_number&since=2026-11-23T20%3A00Z&until=2026-11-24T00%3A00Z"
    browser = serve(lite)
    page = browser.open(f"/messages?{asked}")
    assert page.texts(".chip") == [
        "Status: Failed Remove the filter Status: Failed",
        "Reason: invalid number Remove the filter Reason: invalid number",
        "Changed from 23 Nov 2026, 20:00:00 UTC until 24 Nov 2026, 00:00:00 UTC Remove the filter Changed",
    ]
    kept = {str(each["name"]): str(each["value"]) for each in page.soup.select("form.search input[type=hidden]")}
    assert kept == {
        "reason": "invalid_number",
        "since": "2026-11-23T20:00Z",
        "until": "2026-11-24T00:00Z",
    }
    assert len(browser.open(page.link("Older")).texts(".row")) == 10
    without = page.link("Remove the filter Reason")
    assert parse_qs(urlsplit(without).query).keys() == {"status", "since", "until"}
    without = page.link("Remove the filter Changed")
    assert urlsplit(without).query == "status=failed&reason=invalid_number"
    assert browser.open("/messages?reason=").texts(".chip") == ["No reason given Remove the filter No reason given"]


@pytest.mark.slow
def test_pages_go_on_where_the_one_before_ended(lite: Store, serve: Serve) -> None:
    fail_some(lite, range(1, 121))
    browser = serve(lite)
    page, found = browser.open("/messages?status=failed"), []
    found += page.texts(".row .id")
    while any(words.startswith("Older") for words in page.texts(".paging a")):
        page = browser.open(page.link("Older"))
        found += page.texts(".row .id")
    assert sorted(map(int, found)) == list(range(1, 121))
    assert browser.open(page.link("Back to the newest")).texts(".row .id") == found[:50]
    assert len(browser.open(browser.open("/deliveries?receiver=crm").link("Older")).texts(".row")) == 50


@pytest.mark.slow
def test_pages_ask_with_the_names_of_the_api(lite: Store, serve: Serve) -> None:
    fail_some(lite, range(1, 121))
    give_up(lite, 121)
    watched(lite, 122, "Reminder", team="billing")
    browser = serve(lite)
    with requests.Session() as program:
        program.trust_env = False
        described = program.get(f"{browser.root}openapi.json", timeout=5).json()["paths"]
    asked: dict[str, set[str]] = {"/messages": set(), "/deliveries": set()}
    for path in ("/", "/messages", "/messages?status=failed", "/deliveries?receiver=crm", "/deliveries?state=dead"):
        soup = browser.open(path).soup
        asked["/messages"] |= {str(each["name"]) for each in soup.select("form.search [name]")}
        for link in soup.select("a[href]"):
            where = urlsplit(urljoin(browser.root, str(link["href"])))
            asked.setdefault(where.path, set()).update(parse_qs(where.query))
    assert asked["/messages"] >= {"text", "status", "tag", "cursor"}
    assert asked["/deliveries"] >= {"state", "receiver", "cursor"}
    for path in ("/messages", "/deliveries"):
        names = {each["name"] for each in described[f"/v1{path}"]["get"]["parameters"]}
        assert asked[path] - {"period", "timezone"} <= names, "programs say since and until"


def test_a_story_is_told_from_beginning_to_end(store: Store, serve: Serve) -> None:
    watched(store, 7, "Invoice 88", Status.PENDING, team="billing")
    (pending,) = due(store)
    tried(store, pending, Retry("HTTP 503"), after(1), answer="Service Unavailable")
    tried(store, pending, OK, after(6))
    store.record_polls([polled(known(store, 7), Status.FAILED, after(10), error="No such number")], [])
    page = serve(store).open("/messages/7")
    assert (page.status, page.text("h1"), page.text(".head .pill")) == (200, "Invoice 88", "Failed")
    began, was_pending, failed, end = page.texts(".moment")
    assert began.startswith("Watching started 23 Nov 2026, 20:00:00 UTC · 3 min ago")
    again = r"Send again delivery \d+ to crm"
    assert re.match(rf"Pending 23 Nov 2026, 20:00:00 UTC · 3 min ago → crm Delivered {again} 2 attempts", was_pending)
    assert "20:00:01 UTC · failed · HTTP 500 · 250 ms HTTP 503 Service Unavailable" in was_pending
    assert "20:00:06 UTC · delivered · HTTP 200" in was_pending
    assert failed.startswith("Failed No such number 23 Nov 2026, 20:00:10 UTC")
    assert "No receiver is subscribed to this" in failed
    assert end.startswith("Not polled any more Its status is final.")
    assert page.link("Tag team=billing").endswith("/messages?tag=team%3Dbilling")


def test_failed_probes_are_counted_where_deliveries_are_shown(lite: Store, serve: Serve) -> None:
    fail_some(lite, [7, 8])
    keep_down(lite, 7, probes=12)
    statements(lite, "UPDATE deliveries SET probes = 1200 WHERE probes = 12")  # probing so often takes seconds
    browser = serve(lite)
    page = browser.open("/messages/7")
    assert page.text("details summary") == "3 attempts, 1,200 failed probes, the first and the last of them shown"
    assert [" · probe · " in words for words in page.texts(".attempts li")] == [False, False, False, True, True]
    rows = browser.open("/deliveries").texts(".row")
    assert ["3 attempts, 1,200 failed probes" in words for words in rows] == [False, True]
    assert [("waits for the receiver" in words) for words in rows] == [True, True]


def test_a_message_that_is_not_known_has_a_page_that_says_so(lite: Store, serve: Serve) -> None:
    browser = serve(lite)
    for id_ in ("8", "0", "x", "9" * 30):
        page = browser.open(f"/messages/{id_}")
        assert page.status == 404
        assert page.texts("pre") == (["wbiz-bridge watch 8"] if id_ == "8" else [])
        assert page.text("h1") == ("Message 8 is not known here" if id_ == "8" else "There is no such message")


def test_an_address_with_nothing_there_is_a_page_for_people_and_json_for_programs(lite: Store, serve: Serve) -> None:
    browser = serve(lite)
    page = browser.open("/no/such/page")
    assert (page.status, page.text("h1")) == (404, "There is no such page")
    assert urljoin(page.url, str(page.soup.select("main a")[-1]["href"])) == browser.root
    with requests.Session() as program:
        program.trust_env = False
        answer = program.get(f"{browser.root}no/such/page", timeout=5)
    assert answer.headers["content-type"] == "application/problem+json"


def test_stored_markup_stays_text_everywhere(lite: Store, serve: Serve) -> None:
    lite.messages.watch([9], NOW, Details(MARKUP, {"team": MARKUP, MARKUP[:60]: "x"}))
    observe(lite, 9, Status.PENDING)
    event = lite.record_polls([polled(known(lite, 9), Status.FAILED, error=MARKUP)], [])
    assert event
    for each in due(lite):
        tried(lite, each, Dead(MARKUP), after(1), answer=MARKUP)
    browser = serve(lite)
    for path in ("/", "/messages", "/messages/9", "/deliveries", "/deliveries?state=dead", f"/messages?text={MARKUP}"):
        page = browser.open(path)
        assert page.status == 200
        assert MARKUP.split(" &", maxsplit=1)[0] in page.soup.get_text() + str(page.soup.find_all("input"))
        assert [script.get_text() for script in page.soup.find_all("script")] == [""]
        assert not page.soup.select("[onerror], main img")


@pytest.mark.slow
def test_dead_letters_are_shown_with_their_reasons(store: Store, serve: Serve) -> None:
    give_up(store, 1, 2, reason="410 Gone")
    give_up(store, 3, reason="no_service", to="ops")
    page = serve(store).open("/deliveries?state=dead")
    assert page.texts(".reasons li") == ["2 crm: 410 Gone", "1 ops: no_service"]
    assert page.texts(".row .why") == ["no_service", "410 Gone", "410 Gone"]
    assert page.text("#dead-count") == "3 dead letters"
    assert serve(store).open("/deliveries?state=dead&receiver=ops").texts(".row .id") == ["3"]


def test_one_or_all_are_sent_again_with_the_token(lite: Store, serve: Serve) -> None:
    first, second, third = give_up(lite, 1, 2, 3)
    browser = serve(lite)
    story = browser.send(browser.open("/messages/1"), "Retry")
    assert states(lite) == {first: "queued", second: "dead", third: "dead"}
    assert story.text(".notice") == "1 delivery to crm is on the way again."
    assert story.url.startswith(f"{browser.root}messages/1?said=")
    rest = browser.send(browser.open("/deliveries?state=dead"), "Retry all")
    assert set(states(lite).values()) == {"queued"}
    assert rest.text(".notice") == "2 deliveries are on the way again."


def test_what_was_delivered_is_sent_again_with_the_token(lite: Store, serve: Serve) -> None:
    fail_some(lite, [1])
    (delivery,) = due(lite)
    tried(lite, delivery, OK)
    browser = serve(lite)
    story = browser.send(browser.open("/messages/1"), "Send again")
    assert story.text(".notice") == "1 delivery to crm is on the way again."
    assert sorted(states(lite).values()) == ["delivered", "queued"]
    assert "sent again by hand" in story.text(".story")
    assert "token" in browser.send(browser.open("/messages/1"), "Send again", "wrong").text(".notice")


def test_only_those_of_the_receiver_that_is_shown_are_sent_again(lite: Store, serve: Serve) -> None:
    (mine,), (other,) = give_up(lite, 1), give_up(lite, 2, to="ops")
    browser = serve(lite)
    page = browser.send(browser.open("/deliveries?state=dead&receiver=crm"), "Retry all")
    assert states(lite) == {mine: "queued", other: "dead"}
    assert page.text("p.filter").startswith("Only deliveries to crm")


def test_without_the_right_token_nothing_is_sent_again(lite: Store, serve: Serve) -> None:
    give_up(lite, 1)
    browser = serve(lite)
    for token in ("", "wrong", TOKEN[:-1], TOKEN + "x", "é" * 10):
        page = browser.send(browser.open("/messages/1"), "Retry", token)
        assert set(states(lite).values()) == {str(DeliveryState.DEAD)}
        assert "not the bridge's token" in page.text(".notice")
        assert page.url.startswith(f"{browser.root}messages/1?said=")


def test_strange_forms_change_nothing(lite: Store, serve: Serve) -> None:
    give_up(lite, 1)
    root = serve(lite).root
    with requests.Session() as session:
        session.trust_env = False
        for body in (b"", b"token=" + b"x" * 20_000, b"&".join([b"a=b"] * 30), b"\xff\xfe=%ff&ids=1"):
            answer = session.post(f"{root}deliveries/retry", data=body, allow_redirects=False, timeout=5)
            assert answer.status_code == 303
    assert set(states(lite).values()) == {"dead"}


def test_a_form_leads_nowhere_but_back(lite: Store, serve: Serve) -> None:
    browser = serve(lite)
    fields = {
        "token": TOKEN,
        "message_id": "//evil.example",
        "receiver": "//evil.example\r\nX: y",
        "back": "//evil.example",
    }
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(f"{browser.root}deliveries/retry", data=fields, allow_redirects=False, timeout=5)
    assert answer.headers["location"].startswith("../deliveries?state=dead&receiver=%2F%2Fevil.example%0D%0AX")
    assert "x" not in answer.headers


def test_without_a_token_in_the_configuration_nobody_changes_anything(lite: Store, serve: Serve) -> None:
    give_up(lite, 1)
    browser = serve(lite, token=None)
    for path in ("/messages/1", "/deliveries?state=dead"):
        page = browser.open(path)
        assert not page.soup.select("form#act, button.small, button[form]")
        assert "http.token_file" in page.text("#change, #again")
    with requests.Session() as session:
        session.trust_env = False
        session.post(f"{browser.root}deliveries/retry", data={"token": "", "all": "true"}, timeout=5)
    assert set(states(lite).values()) == {"dead"}


def test_another_sites_page_changes_nothing_even_if_it_knew_the_token(lite: Store, serve: Serve) -> None:
    give_up(lite, 1)
    url, form = f"{serve(lite).root}deliveries/retry", {"token": TOKEN, "all": "true"}
    with requests.Session() as session:
        session.trust_env = False
        for origin in ("https://evil.example", "null"):
            assert session.post(url, data=form, headers={"Origin": origin}, timeout=5).status_code == 403
    assert set(states(lite).values()) == {"dead"}


def test_where_others_can_ask_a_browser_shows_the_token_as_a_password(lite: Store, serve: Serve) -> None:
    give_up(lite, 1)
    browser = serve(lite, external="https://example.org/wa")
    refused = browser.open("/")
    assert refused.status == 401
    assert refused.headers["www-authenticate"].startswith("Basic ")
    browser.log_in("guessed")
    assert browser.open("/messages/1").status == 401
    browser.log_in(TOKEN)
    for path in ("/", "/messages/1", "/page/style.css", "/v1/messages"):
        assert browser.open(path).status == 200
    browser.send(browser.open("/messages/1"), "Retry")
    assert set(states(lite).values()) == {"queued"}


def test_a_password_changes_nothing(lite: Store, serve: Serve) -> None:
    give_up(lite, 1)
    root = serve(lite, external="https://example.org/wa").root
    with requests.Session() as session:
        session.trust_env = False
        session.auth = ("anybody", TOKEN)
        assert session.post(f"{root}v1/deliveries/retry", json={"all": True}, timeout=5).status_code == 401
        session.post(f"{root}deliveries/retry", data={"all": "true"}, timeout=5)
    assert set(states(lite).values()) == {"dead"}


def test_programs_are_asked_for_a_bearer_token(lite: Store, serve: Serve) -> None:
    root = serve(lite, external="https://example.org/wa").root
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(root, timeout=5).headers["www-authenticate"] == "Bearer"
        assert session.get(root, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=5).status_code == 200


def test_links_hold_under_the_path_of_a_reverse_proxy(lite: Store, serve: Serve) -> None:
    give_up(lite, 1)
    browser = serve(lite, external="https://example.org/wa")
    browser.log_in(TOKEN)
    first = browser.open("/wa")
    assert first.url == f"{browser.root}wa/"
    story = browser.open(urljoin(first.url, str(first.soup.select(".row.failure a")[0]["href"])))
    assert story.link("Overview") == f"{browser.root}wa/"
    assert browser.open(urljoin(story.url, str(story.soup.select("link[rel=stylesheet]")[0]["href"]))).status == 200
    after_retry = browser.send(story, "Retry")
    assert after_retry.url.startswith(f"{browser.root}wa/messages/1?said=")


@pytest.mark.slow
def test_every_page_forbids_what_it_does_not_need(lite: Store, serve: Serve) -> None:
    browser = serve(lite)
    for path in ("/", "/messages", "/messages/1", "/deliveries", "/docs", "/no/such/page"):
        headers = browser.open(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_what_stands_beside_the_pages_is_kept_by_the_browser(lite: Store, serve: Serve) -> None:
    browser = serve(lite)
    page = browser.open("/messages/1")
    for tag in page.soup.select("link, script, img"):
        file = browser.open(urljoin(page.url, str(tag.get("href") or tag.get("src"))))
        assert file.status == 200
        assert "immutable" in file.headers["cache-control"]
    assert browser.open("/page/routes.py").status == 404


def test_the_head_alone_may_be_asked_for(lite: Store, serve: Serve) -> None:
    browser = serve(lite)
    for path in ("/", "/messages", "/deliveries", "/page/style.css"):
        page = browser.open(path, "HEAD")
        assert (page.status, page.html) == (200, "")


def test_a_database_that_fails_is_told_in_words(lite: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = serve(lite)

    def fail(*_: object, **__: object) -> None:
        raise NotNowError("the database is locked")

    monkeypatch.setattr(lite.summaries, "summary", fail)
    page = browser.open("/")
    assert page.status == 503
    assert "the database is locked" in page.text("main")


def test_failure_is_acknowledged_on_its_page_and_on_the_overview(lite: Store, serve: Serve) -> None:
    for id_ in (1, 2):
        watched(lite, id_, status=Status.FAILED)
    browser = serve(lite)
    seen = {"by": "Anna <b>", "note": "told the\ncustomer"}
    page = browser.send(browser.open("/messages/1"), "Acknowledge", **seen)
    assert page.text(".notice") == "Acknowledged: WhatsApp message 1 failed. Reminders of it stop."
    assert page.text("#seen").startswith("Acknowledged ")
    assert page.text("#seen").endswith("by Anna <b> told the customer")
    assert not [words for words in page.texts("button") if words.startswith("Acknowledge")]
    overview = browser.open("/")
    assert overview.texts("#open .row .id") == ["2"]
    page = browser.send(overview, "Acknowledge", **seen)
    assert page.text("#open-count") == "0 open"
    assert "Nothing is open 2 are acknowledged" in page.text("#open-list")
    again = browser.send(overview, "Acknowledge", **seen).text(".notice")
    assert again.startswith("Somebody had already acknowledged it: WhatsApp message 2 failed. Your note replaces")
    again = browser.send(overview, "Acknowledge", **seen | {"note": ""}).text(".notice")
    assert again == "Somebody has already acknowledged it: WhatsApp message 2 failed."


def test_without_a_token_it_is_said_how_to_change_something(lite: Store, serve: Serve) -> None:
    give_up(lite, 1)
    browser = serve(lite, token=None)
    page = browser.open("/")
    assert "wbiz-bridge ack 1" in page.text("#open-form")
    assert "wbiz-bridge mute crm --for 2h" in page.texts("code")
    assert not page.soup.select("form#act, #mute")
    assert "wbiz-bridge deliveries resend EVENT" in browser.open("/messages/1").texts("#change code")


def test_state_that_deliveries_do_not_have_is_refused(lite: Store, serve: Serve) -> None:
    page = serve(lite).open("/deliveries?state=zzz")
    assert page.status == 400
    assert "no such state (there are: queued, delivered, dead, dropped)" in page.text("main")


@pytest.mark.slow
def test_without_the_right_token_nothing_is_acknowledged(lite: Store, serve: Serve) -> None:
    watched(lite, 1, status=Status.FAILED)
    browser = serve(lite)
    page = browser.send(browser.open("/messages/1"), "Acknowledge", "wrong")
    assert page.text(".notice") == "Nothing was acknowledged: that is not the bridge's token."
    assert not page.soup.select("#seen")
    for subject in ("message/2", "sauce", "", "message/1\0", "x" * 10_000):
        forged = Page(
            browser._session.post(
                urljoin(browser.root, "incidents/acknowledge"), data={"subject": subject, "token": TOKEN}, timeout=10
            )
        )
        assert re.fullmatch("Nothing was acknowledged: (it|message 2) is not open.", forged.text(".notice"))
    assert "wbiz-bridge ack 1" in serve(lite, token=None).open("/messages/1").text("#change")
