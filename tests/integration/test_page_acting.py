"""What a person does on the page, as a browser without JavaScript does it: on a real server and a real store."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from bs4 import BeautifulSoup

from bridge.domain.model import DeliveryState, Details, Status
from bridge.domain.mute import Mute
from bridge.domain.watchlist import Watchlist
from bridge.simulator.sink import Answer, Sink
from bridge.store.search import MessageQuery
from tests.integration.test_page import CLOCK, TOKEN, Browser, Page, give_up, lite, serve, watched
from tests.integration.test_web import address
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, write_config
from tests.world.records import NOW, OK, due, fail_some, observe, tried

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.simulator.api import Simulator
    from bridge.store.store import Store
    from tests.integration.test_page import Serve

__all__ = ["lite", "serve"]  # fixtures


def is_watched(store: Store, *ids: int) -> list[bool]:
    found = {each.message.id: each.watched for each in store.search.messages(MessageQuery(ids=ids)).items}
    return [found[id_] for id_ in ids]


def list_in_configuration(store: Store, *ids: int) -> None:
    listed = Watchlist()
    for id_ in ids:
        listed.add(id_)
    store.configure(listed, NOW, {})


def post(browser: Browser, path: str, *fields: tuple[str, str], token: str = TOKEN, **more: Any) -> requests.Response:
    """Send a form that no page has."""
    with requests.Session() as session:
        session.trust_env = False
        data = [*fields, ("token", token)]
        return session.post(urljoin(browser.root, path), data=data, timeout=10, allow_redirects=False, **more)


def came_of(browser: Browser, answer: requests.Response) -> list[str]:
    """What is said on the page to which a form leads."""
    return browser.open(answer.headers["location"].removeprefix("..")).texts(".notice")


def test_chosen_messages_are_removed_and_the_search_goes_on(lite: Store, serve: Serve) -> None:
    for id_ in range(1, 5):
        watched(lite, id_, f"Invoice {id_}", Status.PENDING, team="billing")
    browser = serve(lite)
    asked = "text=invoice&status=pending&tag=team%3Dbilling&period=7d&order=oldest"
    page = browser.send(browser.open(f"/messages?{asked}"), "Stop watching", ids=[1, 3])
    assert is_watched(lite, 1, 2, 3, 4) == [False, True, False, True]
    assert page.text(".notice") == "2 messages are no longer watched: the history is kept."
    assert urlsplit(page.url).query.startswith(f"{asked}&said=")
    assert page.texts(".row .id") == ["1", "2", "3", "4"]
    assert ["No longer watched" in words for words in page.texts(".row")] == [True, False, True, False]
    assert [str(each["value"]) for each in page.soup.select("input.pick")] == ["2", "4"]


def test_what_the_configuration_lists_cannot_be_removed_here(lite: Store, serve: Serve) -> None:
    watched(lite, 1)
    list_in_configuration(lite, 2)
    browser = serve(lite)
    page = browser.open("/messages")
    assert [str(each["value"]) for each in page.soup.select("input.pick")] == ["1"]
    story = browser.open("/messages/2")
    assert "The configuration lists this message, under messages:" in story.text("#acts")
    assert "Stop watching" not in story.texts("button")
    list_in_configuration(lite, 1, 2)  # meanwhile
    page = browser.send(page, "Stop watching", ids=[1])
    assert page.text(".notice") == (
        "1 message is still watched: the configuration lists it, under messages or in a file that it includes. "
        "Remove it there."
    )
    assert is_watched(lite, 1) == [True]


def test_message_is_removed_watched_again_and_polled_on_its_page(lite: Store, serve: Serve) -> None:
    watched(lite, 1, status=Status.PENDING)
    browser = serve(lite)
    page = browser.send(browser.open("/messages/1"), "Stop watching")
    assert page.url.startswith(f"{browser.root}messages/1?said=")
    assert page.text(".notice") == "Message 1 is no longer watched: the history is kept."
    assert page.texts("#acts button") == ["Watch again"]
    page = browser.send(page, "Watch again")
    assert page.text(".notice") == "Message 1 is watched again."
    observe(lite, 1, Status.PENDING)
    page = browser.send(browser.open("/messages/1"), "Poll now")
    assert page.text(".notice") == "Message 1 is being polled: a new status shows here in a moment."
    assert [each.id for each in lite.messages.claim(CLOCK.now(), 9, ())] == [1]
    lite.messages.unwatch([1])
    fields = ("message_id", "1"), ("poll", "now")
    answer = post(browser, "messages/poll", *fields)
    assert answer.headers["location"].startswith("../messages/1?said=")
    assert came_of(browser, answer) == ["Message 1 was not polled: it is no longer watched."]


@pytest.mark.slow
def test_strange_ids_and_forms_change_nothing(lite: Store, serve: Serve) -> None:
    watched(lite, 1)
    browser = serve(lite)
    many = [("ids", str(id_)) for id_ in range(1, 10_002)]
    for fields, where in (
        ([("ids", "one"), ("ids", "+49151234567"), ("ids", "-1"), ("ids", "9" * 30)], "../messages?said="),
        ([("ids", "77"), ("ids", "77")], "../messages?said="),
        ([("ids", "x"), ("text", "//evil.example\r\nX: y")], "../messages?text="),
        (many, "../messages?said="),  # more than a page has: the form is not read
    ):
        answer = post(browser, "messages/remove", *fields)
        assert (answer.status_code, answer.headers["location"][: len(where)]) == (303, where)
        assert "x" not in answer.headers
    for ids, words in (("x", "Nothing was removed: choose messages first."), ("77", "1 message was not watched.")):
        assert came_of(browser, post(browser, "messages/remove", ("ids", ids))) == [words]
    for fields in ([], [("message_id", "x")], [("message_id", "77")]):
        assert post(browser, "messages/poll", *fields).status_code == 303
    for forged in ("said=muted", "said=", "said=<b>", "mute=muted", "ack=acknowledged", "retried=1"):
        assert browser.open(f"/?{forged}").texts(".notice") == [], "a link can't claim that anything happened"
    assert is_watched(lite, 1) == [True]


@pytest.mark.parametrize("path", ["messages/remove", "messages/poll", "receivers/test"])
def test_without_the_right_token_nothing_is_done(lite: Store, serve: Serve, path: str) -> None:
    watched(lite, 1)
    browser = serve(lite)
    fields = ("ids", "1"), ("message_id", "1"), ("test", "crm"), ("type", "message.failed")
    for token in ("", "guessed"):
        answer = post(browser, path, *fields, token=token)
        page = browser.open(urljoin(f"/{path}", answer.headers["location"]))
        assert "that is not the bridge's token" in page.text(".notice")
    assert post(browser, path, *fields, headers={"Origin": "https://evil.example"}).status_code == 403
    tokenless = serve(lite, token=None)
    assert "that is not the bridge's token" in came_of(tokenless, post(tokenless, path, *fields))[0]
    assert is_watched(lite, 1) == [True]


@pytest.mark.slow
def test_each_page_asks_for_the_token_once(lite: Store, serve: Serve) -> None:
    give_up(lite, 1)
    fail_some(lite, [2])
    tried(lite, due(lite)[0], OK)
    browser = serve(lite)
    for path in (
        "/",
        "/messages",
        "/messages/1",
        "/messages/2",
        "/deliveries?state=dead",
        "/deliveries?state=delivered",
    ):
        soup = browser.open(path).soup
        assert len(soup.select("form[method=post]")) == len(soup.select("input[name=token]")) == 1
        assert soup.select("button[form], button:not([form])[formaction]")
        first = soup.select("main button")[0]
        assert first.has_attr("disabled"), "Enter must press no button that happens to come first"
        assert {str(each["form"]) for each in soup.select("main [form]")} == {"act"}
        named = [str(each["id"]) for each in soup.select("main [id]")]
        assert len(named) == len(set(named))


@pytest.mark.slow
def test_where_no_token_is_needed_none_is_asked_for(lite: Store, serve: Serve) -> None:
    """Through the control socket only root and the bridge's own user come, with or without a token configured."""
    watched(lite, 1)
    give_up(lite, 2)
    for token in (TOKEN, None):
        browser = serve(lite, token=token, trusted=True)
        for path in ("/", "/messages", "/messages/1", "/deliveries?state=dead", "/messages/add"):
            soup = browser.open(path).soup
            assert not soup.select("input[name=token]")
            assert soup.select("button[form=act], form#add button")
    page = browser.send(browser.open("/messages"), "Stop watching", token="", ids=[1])
    assert page.text(".notice").startswith("Message 1 is no longer watched")
    assert "1 delivery to crm is on the way again." in browser.send(browser.open("/messages/2"), "Retry", "").text(
        ".notice"
    )


def test_what_was_delivered_is_sent_again_from_the_list(lite: Store, serve: Serve) -> None:
    fail_some(lite, [1])
    tried(lite, due(lite)[0], OK)
    browser = serve(lite)
    page = browser.send(browser.open("/deliveries?state=delivered&receiver=crm"), "Send again")
    assert page.text(".notice") == "1 delivery to crm is on the way again."
    assert urlsplit(page.url).query.startswith("state=delivered&receiver=crm&said=")
    assert {str(each.state) for each in lite.history.deliveries().items} == {"delivered", "queued"}
    lost = post(browser, "deliveries/retry", ("resend", "4711"), ("state", "<b>"))
    page = browser.open(urljoin("/deliveries/retry", lost.headers["location"]))
    assert page.text(".notice") == "Nothing was sent again: what you chose is queued, or gone."
    assert page.text("h1") == "Dead letters"
    assert DeliveryState.DEAD not in {each.state for each in lite.history.deliveries().items}


@pytest.mark.slow
def test_receivers_are_tested_and_the_answer_is_told_in_words(tmp_path: Path, simulator: Simulator, sink: Sink) -> None:
    simulator.account.put(1)
    with Sink(lambda _: Answer.status(410)) as gone:
        settings = bridge_config(simulator, sink, [1], http={"listen": "127.0.0.1:0", "token": TOKEN})
        settings["receivers"].append({"name": "ops", "webhook": gone.url, "events": ["failed"]})
        write_config(tmp_path, settings)
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            root = f"{address(daemon)}/"
            with requests.Session() as session:
                session.trust_env = False

                def page(path: str = "") -> Page:
                    return Page(session.get(urljoin(root, path), timeout=10))

                def test(name: str, type_: str) -> Page:
                    data = {"test": name, "type": type_, "token": TOKEN}
                    return Page(session.post(urljoin(root, "receivers/test"), data=data, timeout=20))

                took = test("crm", "message.failed")
                words = took.text(".notice")
                assert words.startswith("crm accepted the test “Failed” (HTTP 200, ")
                assert sink.wait_for(1)
                assert page(took.url).texts(".notice") == [], "said once, and not sent again on reload"
                assert [b'"test"' in each.body for each in sink.records()].count(True) == 1
                refused = test("ops", "message.sent").text(".notice")
                assert refused.startswith("ops did not accept the test “Sent” (HTTP 410, ")
                assert "It gets no real “Sent” events" in refused
                unknown = test("nobody", "message.sent").text(".notice")
                assert unknown == "Nothing was sent: there is no such receiver."
                assert test("crm", "message.lost").text(".notice") == "Nothing was sent: choose what to send."
                shown = page().soup
                assert [str(each["value"]) for each in shown.select("button[name=test]")] == ["crm", "ops"]
                assert shown.select("select[name=type] option[selected]")[0]["value"] == "message.failed"


@pytest.mark.slow
def test_search_says_how_many_there_are_and_what_narrows_it(lite: Store, serve: Serve) -> None:
    for id_ in range(1, 61):
        lite.messages.watch([id_], NOW, Details(f"Order {id_}", {"team": "billing" if id_ % 2 else "sales"}))
        observe(lite, id_, Status.SENT)
    browser = serve(lite)
    assert browser.open("/messages").text("#total") == "60 messages"
    page = browser.open("/messages?tag=team%3Dbilling&text=order&period=today&order=oldest")
    assert page.text("#total") == "30 messages found"
    assert [words.partition(" Remove")[0] for words in page.texts(".chip")] == [
        "Text: order",
        "Tag: team=billing",
        "Changed: Today, from 23 Nov 2026, 00:00:00 UTC",
    ]
    assert page.texts(".row .id")[:2] == ["1", "3"]
    assert [str(each["value"]) for each in page.soup.select("datalist#tags option")] == ["team=billing", "team=sales"]
    assert page.soup.select("input[name=tag]")[0]["list"] == "tags"
    assert page.soup.select("select[name=order] option[selected]")[0]["value"] == "oldest"
    assert urlsplit(page.link("Remove all filters")).query == ""
    days = browser.open("/messages?since=2026-11-23&until=2026-11-23")
    assert days.text("#total") == "60 messages found"
    assert days.soup.select("input#since")[0]["value"] == "2026-11-23"
    assert browser.open("/messages?until=2026-11-22").texts("#total") == []
    lite.search.most_looked_at = 5
    page = browser.open("/messages?text=order+3")
    assert "Nothing found yet" in page.text("#found")
    found: list[str] = []
    while page.soup.select("a.older"):
        found += page.texts(".row .id")
        page = browser.open(urljoin(page.url, str(page.soup.select("a.older")[0]["href"])))
    assert sorted(found + page.texts(".row .id"), key=int) == ["3", *map(str, range(30, 40))]
    page = browser.open("/messages?text=order+6")
    assert page.text("#total").startswith("1 message found among those changed since 23 Nov 2026, 20:00:00 UTC")


@pytest.mark.slow
def test_more_than_ten_thousand_are_said_to_be_so(lite: Store, serve: Serve) -> None:
    lite.messages.watch(range(1, 10_001), NOW)
    browser = serve(lite)
    assert browser.open("/messages").text("#total") == "10,000 messages"
    lite.messages.watch([10_001], NOW)
    assert browser.open("/messages?status=unseen").text("#total") == "More than 10,000 messages found"


def test_markup_in_what_was_asked_stays_text(lite: Store, serve: Serve) -> None:
    browser = serve(lite)
    page = browser.open("/messages?text=%3Cscript%3E&tag=%3Cb%3E%3D%22%3E&period=%3Ci%3E")
    assert page.status == 400
    assert BeautifulSoup(page.html, "html.parser").select("script[src]") == page.soup.select("script")
    assert not page.soup.select("main i, main b")


def test_no_command_is_promised_where_none_does_anything(lite: Store, serve: Serve) -> None:
    list_in_configuration(lite, 1)
    browser = serve(lite, token=None)
    page = browser.open("/messages/1")
    assert page.text("#change p").endswith("set http.token_file in the configuration.")
    assert not page.soup.select("#change ul")
    watched(lite, 2)
    page = browser.open("/messages/2")
    assert page.text("#change p").endswith("Until then, on the bridge's machine:")
    assert page.texts("#change li") == ["wbiz-bridge unwatch 2"]


def test_poll_that_is_late_is_still_due(lite: Store, serve: Serve) -> None:
    watched(lite, 1, status=Status.PENDING)
    assert "Next poll due 2 min ago" in serve(lite).open("/messages/1").texts(".moment .title")


@pytest.mark.slow
def test_all_that_is_wrong_is_listed_and_acknowledged_by_the_page(lite: Store, serve: Serve) -> None:
    fail_some(lite, range(1, 61))
    browser = serve(lite)
    page = browser.open(browser.open("/").link("Show all 60"))
    assert page.texts(".tabs a") == ["Open 60", "All 60"]
    assert page.texts(".row .id") == [str(id_) for id_ in range(60, 10, -1)]
    assert browser.open(page.link("Older")).texts(".row .id") == [str(id_) for id_ in range(10, 0, -1)]
    chosen = [str(each["value"]) for each in page.soup.select("input.pick")[:50]]
    page = browser.send(page, "Acknowledge", subject=chosen, by="Ada", note="<b>calls</b> them")
    assert page.text(".notice") == "50 problems are acknowledged: reminders stop."
    assert page.texts(".row .id") == [str(id_) for id_ in range(10, 0, -1)]
    page = browser.open(page.link("All 60"))
    assert page.texts(".tabs a") == ["Open 10", "All 60"]
    assert page.texts(".seen-by") == ["Acknowledged now by Ada : <b>calls</b> them"] * 50
    assert not page.soup.select("input.pick")
    older = browser.open(page.link("Older"))
    assert len(older.soup.select("input.pick")) == 10
    assert browser.open(older.link("Back to the newest")).url == page.url
    page = browser.send(older, "Acknowledge", subject="message/3")
    assert page.text(".notice") == "Acknowledged: WhatsApp message 3 failed. Reminders of it stop."


@pytest.mark.slow
def test_nothing_is_acknowledged_that_nobody_chose(lite: Store, serve: Serve) -> None:
    fail_some(lite, [1, 2])
    browser = serve(lite)
    page = browser.open("/incidents")
    assert browser.send(page, "Acknowledge").text(".notice") == "Nothing was acknowledged: choose something first."
    refused = browser.send(page, "Acknowledge", "guessed", subject=["message/1", "message/2"])
    assert refused.text(".notice") == "Nothing was acknowledged: that is not the bridge's token."
    assert refused.texts(".row .id") == ["2", "1"]
    assert browser.open("/incidents?cursor=zzz").status == 400
    assert "wbiz-bridge ack 2" in serve(lite, token=None).open("/incidents").texts("#change code")


def test_nothing_wrong_is_said(lite: Store, serve: Serve) -> None:
    page = serve(lite).open("/incidents")
    assert page.text("#found").startswith("Nothing is wrong ")
    assert not page.soup.select("#change")


def test_mute_of_a_receiver_that_left_the_configuration_is_ended_where_it_is_shown(lite: Store, serve: Serve) -> None:
    lite.mutes.mute(Mute("old", NOW, CLOCK.now() + timedelta(hours=1)))
    browser = serve(lite, receivers=["crm"])
    page = browser.send(browser.open("/"), "Unmute")
    assert (
        page.text(".notice")
        == "old is no longer muted: what was held is sent once the receiver is in the configuration again."
    )
    assert page.texts("#mutes p") == []
