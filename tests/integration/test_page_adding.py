"""The page that adds a list of messages, on a real server and a real store, as a browser without JavaScript uses it."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from bridge.domain.model import Details
from bridge.domain.spreadsheet.handover import LARGEST_CSV
from bridge.server.ui.adding import LARGEST_FORM
from bridge.server.ui.multipart import MOST_DRAINED
from bridge.store.search import MessageQuery
from tests.integration.test_page import TOKEN, Page, lite, serve
from tests.world.records import NOW, known

if TYPE_CHECKING:
    from bridge.store.store import Store
    from tests.integration.test_page import Browser, Serve

__all__ = ["lite", "serve"]  # fixtures

SEVERAL = "Nothing was added: enter ids, paste a list or choose a file, not more than one of these."
TABLE = "id,label,tags.team\r\n5,<b>Invoice</b> 88,billing\r\n6,,\r\n"


def send(browser: Browser, pasted: str = "", file: bytes = b"", token: str = TOKEN) -> Page:
    """Send the form as browsers do: with all of its fields, in their order."""
    fields: Any = [
        ("list", (None, pasted.encode())),
        ("file", ("sent.csv" if file else "", file, "text/csv")),
        ("token", (None, token.encode())),
    ]
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(urljoin(browser.root, "messages/add"), files=fields, timeout=20)
        return Page(answer)


def ids(store: Store) -> set[int]:
    return {each.message.id for each in store.search.messages(MessageQuery(), most=1000).items}


def test_pasted_list_is_watched(lite: Store, serve: Serve) -> None:
    lite.messages.watch([6], NOW)
    page = send(serve(lite), TABLE)
    assert page.text(".notice") == "1 message is watched from now on; 1 was watched already."
    assert "/messages/add?said=" in page.url
    assert (known(lite, 5).label, known(lite, 5).tags) == ("<b>Invoice</b> 88", {"team": "billing"})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pasted", "expected"),
    [
        ("5\r\n6\r\n", {5, 6}),
        ("5", {5}),
        ("id\tlabel\r\n5\tcopied cells\r\n", {5}),
        ('id,label\r\n5,a--b\r\n6,"two\r\nlines"\r\n', {5, 6}),
    ],
)
def test_ids_and_copied_cells_are_a_list_too(lite: Store, serve: Serve, pasted: str, expected: set[int]) -> None:
    send(serve(lite), pasted)
    assert ids(lite) == expected


def test_file_is_watched_byte_by_byte_as_it_is(lite: Store, serve: Serve) -> None:
    page = send(serve(lite), file="ID;Label\r\n7;שלום 🧾\r\n".encode("utf-16"))
    assert page.text(".notice") == "1 message is watched from now on."
    assert known(lite, 7).label == "שלום 🧾"
    assert send(serve(lite), file=b"7\n").text(".notice") == "No message is new; 1 was watched already."


def test_wrong_rows_are_named_and_what_was_pasted_stays(lite: Store, serve: Serve) -> None:
    pasted = "\r\nid,lable\r\n1.2E+05,</textarea><script>alert(1)</script>\r\n9,\r\n9,\r\n"
    page = send(serve(lite), pasted)
    assert page.status == 422
    assert page.text("#wrong h2") == "Nothing was added: 3 errors in the list"
    shown = page.texts("#wrong li")
    assert shown[0] == "Line 2 : lable: unknown column (did you mean label ?)"
    assert shown[1].startswith("Line 3 : id: 1.2E+05 is a number that a spreadsheet has shortened: ")
    assert shown[2] == "Line 5 : id: the id 9 is listed twice (first on line 4); keep one"
    (area,) = page.soup.select("textarea#list")
    assert area.text.removeprefix("\n").replace("\r\n", "\n") == pasted.replace("\r\n", "\n")
    assert area["aria-invalid"] == "true"
    assert page.soup.select("script[src]") == page.soup.select("script")
    assert ids(lite) == set()


@pytest.mark.slow
def test_wrong_file_is_named_so_and_many_errors_are_counted(lite: Store, serve: Serve) -> None:
    page = send(serve(lite), file=b"id\n" + b"x\n" * 500)
    assert page.text("#wrong h2") == "Nothing was added: 500 errors in the file"
    assert len(page.texts("#wrong li")) == 20
    assert "These are the first 20." in page.text("#wrong")
    assert "choose it again" in page.text("#wrong")
    workbook = send(serve(lite), file=b"PK\x03\x04\x14\0\x06\0[Content_Types].xml\r\n--x\0\xff")
    assert workbook.texts("#wrong li") == ["Line 1 : this is an Excel workbook: save it as CSV UTF-8"]


@pytest.mark.slow
def test_without_the_right_token_nothing_is_added(lite: Store, serve: Serve) -> None:
    for token in ("guessed", ""):
        page = send(serve(lite), TABLE, token=token)
        assert (page.status, page.text(".notice")) == (403, "Nothing was added: that is not the bridge's token.")
        assert "Invoice" in page.soup.select("textarea#list")[0].text
    assert ids(lite) == set()


def test_one_of_both_has_to_be_given(lite: Store, serve: Serve) -> None:
    browser = serve(lite)
    assert send(browser).text(".notice") == "Nothing was added: enter ids, paste a list, or choose a file."
    assert send(browser, " \r\n").text(".notice") == "Nothing was added: enter ids, paste a list, or choose a file."
    assert send(browser, "1", b"2").text(".notice") == SEVERAL
    assert ids(lite) == set()


@pytest.mark.slow
def test_what_is_too_large_is_said_on_the_page(lite: Store, serve: Serve) -> None:
    browser = serve(lite)
    large = "Nothing was added: the list is too large (allowed: up to 5 MB); hand it over in parts."
    for size in (LARGEST_FORM, 20_000_000):
        page = send(browser, file=b"1\n".ljust(size, b"\n"))
        assert (page.status, page.text(".notice")) == (413, large)
    page = send(browser, file=b"1\n".ljust(LARGEST_CSV + 1, b"\n"))
    assert page.texts("#wrong li") == ["Line 1 : the list is too large (allowed: up to 5 MB); hand it over in parts"]
    assert send(browser, file=b"1\n".ljust(LARGEST_CSV, b"\n")).text(".notice") == "1 message is watched from now on."


@pytest.mark.slow
@pytest.mark.parametrize("head", [f"Content-Length: {10**10}", "Transfer-Encoding: chunked"])
def test_form_of_ten_gigabytes_is_cut_early(lite: Store, serve: Serve, head: str) -> None:
    place = urlsplit(serve(lite).root)
    request = (
        f"POST /messages/add HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    )
    piece = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    sent = 0
    with socket.create_connection((place.hostname, place.port), 10) as client:
        client.sendall(f"{request}{head}\r\n\r\n".encode())
        try:
            while "chunked" in head and sent < 10**9:
                client.sendall(piece)
                sent += len(piece)
            answer = client.recv(100)
        except OSError:  # the server has closed the connection
            answer = b"HTTP/1.1 413"
    assert answer.startswith(b"HTTP/1.1 413")
    assert sent < 2 * MOST_DRAINED


def test_another_sites_page_adds_nothing_and_strange_forms_do_no_harm(lite: Store, serve: Serve) -> None:
    url = urljoin(serve(lite).root, "messages/add")
    with requests.Session() as session:
        session.trust_env = False
        fields = {"list": (None, "1"), "token": (None, TOKEN)}
        foreign = session.post(url, files=fields, headers={"Origin": "https://evil.example"}, timeout=10)
        assert foreign.status_code == 403
        for body, type_ in (
            (b"list=1&token=" + TOKEN.encode(), "application/x-www-form-urlencoded"),
            (b"", "multipart/form-data"),
            (b"--x\r\n\r\n--x", "multipart/form-data; boundary=x"),
            (b"\0" * 1000, "multipart/form-data; boundary=x"),
        ):
            assert session.post(url, body, headers={"Content-Type": type_}, timeout=10).status_code == 403
    assert ids(lite) == set()


def test_where_others_can_ask_the_page_needs_the_password_and_the_form_the_token(lite: Store, serve: Serve) -> None:
    browser = serve(lite, external="https://example.org/wa")
    assert browser.open("messages/add").status == 401
    browser.log_in(TOKEN)
    page = browser.open("wa/messages/add")
    assert page.soup.select("form#add")[0]["action"] == "../messages/add"
    assert send(browser, "1").status in {200, 401}, "it leads back to a page that asks for the password"
    assert ids(lite) == {1}


def test_page_says_how_to_add_where_it_cannot(lite: Store, serve: Serve) -> None:
    page = serve(lite, token=None).open("messages/add")
    assert "set http.token_file" in page.text("main")
    assert not page.soup.select("form#add")


def test_pages_lead_there(lite: Store, serve: Serve) -> None:
    browser = serve(lite)
    for path in ("/", "messages"):
        assert browser.open(browser.open(path).link("Add the first one")).status == 200
    lite.messages.watch([1], NOW, Details("x"))
    assert browser.open(browser.open("messages").link("Add messages")).text("h1") == "Add messages"


def write(browser: Browser, token: str = TOKEN, **fields: str) -> Page:
    """Send the form with these fields written into it."""
    given: Any = [(name, (None, text.encode())) for name, text in {**fields, "token": token}.items()]
    with requests.Session() as session:
        session.trust_env = False
        return Page(session.post(urljoin(browser.root, "messages/add"), files=given, timeout=20))


def test_ids_are_added_with_what_is_said_of_all(lite: Store, serve: Serve) -> None:
    page = write(
        serve(lite),
        ids="12, 13;14\r\n\r\n 15 ,\r\n",
        label=" Invoice 88 ",
        tags="team = billing\r\n\r\nnote=a=b, c",
        expected_at="2026-12-24T09:00",
        timezone="Asia/Kolkata",
    )
    assert page.text(".notice") == "4 messages are watched from now on."
    for id_ in (12, 13, 14, 15):
        message = known(lite, id_)
        assert (message.label, message.tags) == ("Invoice 88", {"team": "billing", "note": "a=b, c"})
        assert message.expected_at == datetime(2026, 12, 24, 3, 30, tzinfo=UTC)


def test_what_a_list_says_goes_before_what_is_said_of_all(lite: Store, serve: Serve) -> None:
    write(serve(lite), list=TABLE, label="Of all", tags="team=sales\nyear=2026", expected_at="2026-12-24T09:00:30Z")
    assert (known(lite, 5).label, known(lite, 5).tags) == ("<b>Invoice</b> 88", {"team": "billing", "year": "2026"})
    assert (known(lite, 6).label, known(lite, 6).tags) == ("Of all", {"team": "sales", "year": "2026"})
    assert known(lite, 6).expected_at == datetime(2026, 12, 24, 9, 0, 30, tzinfo=UTC)


def test_each_wrong_id_is_named_by_its_line_and_what_was_written_stays(lite: Store, serve: Serve) -> None:
    written = {
        "ids": "12\r\nabc, 13\r\n+49 151 2345\r\n12\r\n1 2",
        "label": 'A "label" <b>',
        "tags": "team=billing",
        "expected_at": "2026-12-24T09:00",
    }
    page = write(serve(lite), **written)
    assert page.status == 422
    assert page.text("#wrong h2") == "Nothing was added: 4 errors in the ids"
    abc, phone, twice, spaces = page.texts("#wrong li")
    assert abc.startswith("Line 2 : “abc”: a message id is a whole number (allowed: 1 to ")
    assert phone.startswith("Line 3 : “+49 151 2345”: a message id is a whole number")
    assert "this looks like a phone number" in phone
    assert twice == "Line 4 : id: the id 12 is listed twice (first on line 1); keep one"
    assert spaces.startswith("Line 5 : “1 2”: ")
    kept = {name: page.soup.select(f"#{name}")[0] for name in written}
    assert kept["ids"].text.removeprefix("\n").replace("\r\n", "\n") == written["ids"].replace("\r\n", "\n")
    assert kept["tags"].text.strip() == written["tags"]
    assert (kept["label"]["value"], kept["expected_at"]["value"]) == (written["label"], written["expected_at"])
    assert ids(lite) == set()
    plus = write(serve(lite), ids="+49151234567")
    assert "this looks like a phone number" in plus.text("#wrong li")


def test_a_time_that_clocks_skip_is_when_they_are_set(lite: Store, serve: Serve) -> None:
    write(serve(lite), ids="1", expected_at="2027-03-28T02:30", timezone="Europe/Berlin")
    assert known(lite, 1).expected_at == datetime(2027, 3, 28, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"label": "x" * 1001}, "Label : must be text (allowed: up to 1000 characters)"),
        ({"tags": "a=b\nbilling"}, "Tags, line 2 : write a tag as KEY=VALUE, for example team=billing"),
        ({"tags": "=b"}, "Tags, line 1 : the tag's name is too long or empty (allowed: 1 to 64 characters)"),
        ({"tags": "\n".join(f"t{number}=x" for number in range(21))}, "Tags : too many tags (allowed: up to 20)"),
        (
            {"expected_at": "tomorrow"},
            'To be sent at : not a date or time (allowed: e.g. 2026-12-24, "2026-12-24 09:00", or',
        ),
        (
            {"expected_at": "0001-01-01T00:00"},
            "To be sent at : a moment out of range (allowed: the years 1970 to 2199)",
        ),
        ({"expected_at": "2026-12-24T09:00", "timezone": "Asia/Kalkata"}, "To be sent at : unknown time zone"),
    ],
    ids=str,
)
def test_wrong_fields_are_named(lite: Store, serve: Serve, fields: dict[str, str], expected: str) -> None:
    page = write(serve(lite), ids="1", **fields)
    assert (page.status, page.text("#wrong h2")) == (422, "Nothing was added: 1 error")
    assert page.text("#wrong li").startswith(expected)
    assert ids(lite) == set()


def test_tags_of_a_list_and_of_all_are_not_too_many_together(lite: Store, serve: Serve) -> None:
    of_all = "\n".join(f"t{number}=x" for number in range(20))
    page = write(serve(lite), list=TABLE, tags=of_all)
    assert page.texts("#wrong li") == ["Tags : too many tags (allowed: up to 20)"]
    assert ids(lite) == set()


@pytest.mark.slow
def test_ten_thousand_ids_and_one_more_are_added(lite: Store, serve: Serve) -> None:
    assert (
        write(serve(lite), ids=",".join(map(str, range(1, 10_002)))).text(".notice").startswith("10,001 messages are")
    )
    page = write(serve(lite), ids="\n".join(map(str, range(1, 100_002))))
    assert page.texts("#wrong li")[0].startswith("Line 100,001 : too many rows (allowed: 100,000)")


def test_page_of_an_unknown_message_leads_to_adding_it(lite: Store, serve: Serve) -> None:
    browser = serve(lite)
    page = browser.open(browser.open("/messages/4711").link("add it"))
    assert page.soup.select("#ids")[0].text.strip() == "4711"
    assert browser.open("/messages/add?ids=%3C/textarea%3E%00").soup.select("#ids")[0].text.strip() == "</textarea>"
