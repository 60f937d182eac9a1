"""One answer, in whatever pieces it comes: it is what http.client reads, or an error that says what is wrong."""

from __future__ import annotations

import http.client
import io
import itertools
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.reading import ANSWER_LIMIT, HEADERS_LIMIT, Reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.wire import Reply

LIMIT = 100
OK = b"HTTP/1.1 200 OK\r\n"
TWO = OK + b"Content-Length: 2\r\n\r\nok"


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


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, int, bytes]:
    """Draw an answer as servers write it, with what it says: its status and its body."""
    before = draw(
        st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"])
    )
    status, body = draw(st.integers(200, 999)), draw(st.binary(max_size=150))
    end = draw(st.sampled_from([b"\r\n", b"\n"]))
    version = draw(st.sampled_from([b"1.0", b"1.1"]))
    lines = [b"HTTP/%s %d%s" % (version, status, draw(st.sampled_from([b"", b" OK", b" \xe9"])))]
    lines += draw(
        st.lists(st.sampled_from([b"Server: x", b"Retry-After: 5", b"X:", b"Y: \xe9", b"Z: a" + end + b" b"]))
    )
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
    return before + end.join([*lines, b"", b""]) + framed, status, body


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


@given(answers())
def test_an_answer_is_read_as_http_client_reads_it(answer: tuple[bytes, int, bytes]) -> None:
    written, _, body = answer
    theirs = http.client.HTTPResponse(_Socket(written), method="POST")  # type: ignore[arg-type]
    theirs.begin()
    if theirs.status == 103:  # http.client takes it for the answer
        return
    got = read([written]).reply
    assert (got.status, got.body) == (theirs.status, theirs.read()[:LIMIT])
    # A line that was folded is one again here; http.client leaves it to others.
    assert got.headers == {
        name.lower(): " ".join(value.split()) if name == "Z" else value for name, value in theirs.headers.items()
    }
    assert len(body) <= LIMIT or read([written]).reply.cut


@given(st.one_of(st.binary(), st.binary().map(lambda junk: OK + junk), st.binary().map(lambda junk: TWO[:40] + junk)))
def test_whatever_comes_is_an_answer_or_one_of_three_errors(data: bytes) -> None:
    try:
        reply = read([data]).reply if data else None
    except http.client.HTTPException:
        return
    assert reply is None or 200 <= reply.status <= 999


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


def test_chunks_go_before_a_length_beside_them() -> None:
    both = OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2 \r\nok\r\n0\r\n\r\n"
    assert read([both]).reply.body == b"ok"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", http.client.RemoteDisconnected),
        (b"HTTP/1.1 100 Continue\r\n\r\n", http.client.RemoteDisconnected),
        (TWO[:-3], http.client.RemoteDisconnected),
        (TWO[:-1], http.client.IncompleteRead),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", http.client.IncompleteRead),
    ],
)
def test_where_an_answer_was_cut_is_told(answer: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read([answer] if answer else [])


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 1000 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        OK + b"X: " + b"x" * HEADERS_LIMIT + b"\r\n\r\n",
        OK + b"X: y\r\n" * HEADERS_LIMIT + b"\r\n",
    ],
    ids=["ssh", "099", "1000", "101", "two lengths", "length -1", "chunk of -1", "a header", "headers"],
)
def test_what_is_no_http_is_told(answer: bytes) -> None:
    with pytest.raises(http.client.HTTPException):
        read([answer])


@pytest.mark.parametrize("endless", [b"HTTP/1.1 102 Processing\r\n\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n"])
def test_an_answer_without_an_end_is_given_up(endless: bytes) -> None:
    more = 10_000 * (endless if b"102" in endless else b"1\r\nx\r\n")
    reading = Reading(ANSWER_LIMIT)
    for piece in (endless, *[more] * (ANSWER_LIMIT // len(more))):
        assert not reading.feed(piece)
    with pytest.raises(http.client.HTTPException, match="does not end"):
        reading.feed(more)
