"""One answer, in whatever pieces it comes: it is what http.client reads, or odd, and then left to it."""

from __future__ import annotations

import gc
import http.client
import io
import itertools
import re
import weakref
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.reading import ANSWER_LIMIT, HEADERS_LIMIT, OddError, Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bridge.wire import Reply

LIMIT = 100
OK = b"HTTP/1.1 200 OK\r\n"
TWO = OK + b"Content-Length: 2\r\n\r\nok"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

HTTP_CLIENT_IS_WRONG = re.compile(rb"HTTP/1.1 103|HTTP/1.1 10.*?\r\n\r\n[\r\n]", re.DOTALL)
"""It takes "103 Early Hints" for the answer, and an empty line before the answer for no HTTP."""


class Read(NamedTuple):
    reply: Reply
    leaves_open: bool


def read(pieces: Iterable[bytes], limit: int = LIMIT) -> Read:
    """Feed pieces, then the connection's end, until the answer is there."""
    reading = Reading(limit)
    for piece in (*pieces, b""):
        if reading.feed(piece):
            break
    return Read(reading.reply, reading.leaves_open)


def outcome(pieces: Iterable[bytes]) -> Read | OddError:
    try:
        return read(pieces)
    except OddError as odd:
        return odd


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, int, bytes]:
    """Draw an answer as servers write it, with what it says: its status and its body."""
    before = draw(
        st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"])
    )
    status, body = draw(st.integers(200, 999)), draw(st.binary(max_size=150))
    version = draw(st.sampled_from([b"1.0", b"1.1"]))
    lines = [b"HTTP/%s %d%s" % (version, status, draw(st.sampled_from([b"", b" OK", b" \xe9"])))]
    lines += draw(st.lists(st.sampled_from([b"Server: x", b"Retry-After: 5", b"X:", b"Y: \xe9"])))
    if status in {204, 304}:
        body, framed = b"", b""
    else:
        how = draw(st.sampled_from(["length", "chunks", "end"]))
        if how == "chunks" and version == b"1.1":
            lines.append(b"Transfer-Encoding: chunked")
            pieces = [body[:40], body[40:]] if len(body) > 40 else [body]
            framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"
        else:
            framed = body
            if how != "end":
                lines.append(b"Content-Length: %d" % len(body))
    return before + b"\r\n".join([*lines, b"", b""]) + framed, status, body


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut at some places; no piece is empty."""
    marks = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(marks) if start < end]


@given(answers(), st.lists(st.integers(0, 1000)))
def test_an_answer_is_read_as_it_was_meant_whatever_pieces_it_comes_in(
    answer: tuple[bytes, int, bytes], places: list[int]
) -> None:
    written, status, body = answer
    got = read(cut(written, places))
    assert (got.reply.status, got.reply.body, got.reply.cut) == (status, body[:LIMIT], len(body) > LIMIT)
    assert got == read([written])


class _Socket:
    """As much of a socket as http.client reads from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._data)


def by_http_client(data: bytes) -> tuple[int, bytes, dict[str, str]]:
    """Read as http.client does; whatever is wrong raises."""
    theirs = http.client.HTTPResponse(_Socket(data), method="POST")  # type: ignore[arg-type]
    theirs.begin()
    body = theirs.read()
    if theirs.length:
        raise http.client.IncompleteRead(body)
    return theirs.status, body, {name.lower(): value for name, value in theirs.headers.items()}


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """Draw an answer of which some bytes are missing, are others, or are too many."""
    whole = draw(answers())[0]
    at, gone = draw(st.integers(0, len(whole))), draw(st.integers(0, 5))
    put = draw(
        st.binary(max_size=3)
        | st.sampled_from([b"\r", b"\n", b"\r\n", b" ", b":", b",", b"0", b"-1", b"Content-Length: 2\r\n"])
    )
    return whole[:at] + put + whole[at + gone :]


@given(answers().map(lambda answer: answer[0]) | spoilt())
def test_what_is_read_at_all_is_read_as_http_client_reads_it(data: bytes) -> None:
    got = outcome([data])
    if isinstance(got, OddError):
        assert got.taken == data
    elif not HTTP_CLIENT_IS_WRONG.search(data):
        status, body, headers = by_http_client(data)
        assert (got.reply.status, got.reply.body, got.reply.headers) == (status, body[:LIMIT], headers)


@given(st.binary() | spoilt(), st.lists(st.integers(0, 1000)))
def test_whatever_comes_is_an_answer_or_odd_and_nothing_of_it_is_lost(data: bytes, places: list[int]) -> None:
    got = outcome(cut(data, places))
    if isinstance(got, OddError):
        assert data.startswith(got.taken)
        assert not got.ended or got.taken == data
    else:
        assert 200 <= got.reply.status <= 999


@given(answers(), st.binary(min_size=1, max_size=20))
def test_what_comes_behind_an_answer_changes_nothing_of_it(answer: tuple[bytes, int, bytes], more: bytes) -> None:
    whole = read([answer[0]])
    if whole.leaves_open:
        assert read([answer[0] + more]).reply == whole.reply


@pytest.mark.parametrize("more", [b"x", b"HTTP/1.1 200 OK\r\n\r\n", TWO])
def test_what_nobody_asked_for_closes_the_connection(more: bytes) -> None:
    assert read([TWO]).leaves_open
    assert not read([TWO + more]).leaves_open


@pytest.mark.parametrize(
    ("head", "left_open"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\n\r\n", False),
    ],
)
def test_a_connection_is_left_open_where_the_answer_says_so(head: bytes, left_open: bool) -> None:
    assert read([head]).leaves_open is left_open


def test_a_body_that_is_cut_closes_the_connection() -> None:
    got = read([OK + b"Content-Length: 101\r\n\r\n", b"x" * 100, b"x"])
    assert (got.reply.cut, got.leaves_open) == (True, True)  # all of it was there
    got = read([OK + b"Content-Length: 102\r\n\r\n", b"x" * 101])
    assert (got.reply.cut, got.leaves_open, len(got.reply.body)) == (True, False, LIMIT)


def test_of_a_header_that_stands_twice_the_last_one_counts_and_what_is_behind_the_body_is_none() -> None:
    chunked = OK + b"X: 1\r\nX: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: 3\r\nY: 4\r\n\r\n"
    assert read([chunked]).reply.headers == {"x": "2", "transfer-encoding": "chunked"}


def test_headers_told_on_the_way_are_not_the_answer_s() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n"
    assert read([early + TWO]).reply.headers == {"content-length": "2"}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        TWO[:-3],
        TWO[:-1],
        CHUNKED + b"2\r\nok\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 1000 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx",
        TWO.replace(b"\r\n", b"\n"),
        OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
        OK + b"Content-Length : 2\r\n\r\nok",
        OK + b"Content-Length: -1\r\n\r\n",
        CHUNKED + b"-1\r\n",
        OK + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_what_is_odd_is_handed_on_with_all_that_came(answer: bytes) -> None:
    with pytest.raises(OddError) as caught:
        read([answer] if answer else [])
    assert caught.value.taken == answer


@pytest.mark.parametrize(
    ("start", "more", "limit"),
    [
        (OK, b"X: " + b"x" * 5000, HEADERS_LIMIT),
        (OK, b"X: y\r\n" * 1000, HEADERS_LIMIT),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 200, HEADERS_LIMIT),
        (CHUNKED, b"1\r\nx\r\n" * 10_000, ANSWER_LIMIT),
    ],
    ids=["a header", "headers", "answers before the answer", "chunks"],
)
def test_what_does_not_end_is_handed_on_before_it_fills_the_memory(start: bytes, more: bytes, limit: int) -> None:
    reading, fed = Reading(ANSWER_LIMIT), len(start)
    if start:
        reading.feed(start)
    while fed + len(more) <= limit:
        assert not reading.feed(more)
        fed += len(more)
    with pytest.raises(OddError) as caught:
        reading.feed(more)
    assert (len(caught.value.taken), caught.value.ended) == (fed + len(more), False)


@pytest.mark.usefixtures("_no_collector")
def test_an_answer_that_is_there_holds_on_to_nothing() -> None:
    for pieces in ([TWO], [OK + b"\r\n", b""], [OK + b"Content-Length: 999\r\n\r\n" + b"x" * 200]):
        reading = Reading(LIMIT)
        assert [reading.feed(piece) for piece in pieces][-1]
        gone = weakref.ref(reading)
        del reading
        assert gone() is None


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()
