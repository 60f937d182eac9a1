"""Reads one answer of a call, piece by piece as it comes, bounded in size. It knows no sockets.

llhttp, which is the parser of Node.js, takes it apart (package httptools), at a fifth of what http.client costs
(docs/performance.md). It is strict, and an answer that is not understood is an event that is sent again. So only what
is plain is read here; whatever is odd is left to http.client, which takes more (:func:`bridge.timed.read_again`).
"""

from __future__ import annotations

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from bridge.wire import Reply

ANSWER_LIMIT = 8 * 1024 * 1024
"""Bytes of a whole answer, as it is on the wire: of a body in chunks of one byte, few are the body's."""

HEADERS_LIMIT = 64 * 1024
"""Bytes up to where the body begins, or little more: what is longer is odd."""

_VERSIONS = (b"HTTP/1.1", b"HTTP/1.0")  # llhttp reads others too, and RTSP
_LOWEST, _FINAL = 100, 200  # what is between is told on the way to the answer (RFC 9110, 15.2)


class OddError(Exception):
    """This is no plain answer. ``taken`` is all that came, ``ended`` whether the connection ended behind it."""

    def __init__(self, taken: bytes, *, ended: bool) -> None:
        super().__init__("no plain answer")
        self.taken = taken
        self.ended = ended


class Reading:
    """One answer, as far as it has come.

    ``leaves_open`` tells whether another call may be made over the same connection: all of the answer was read, and
    nothing came that nobody asked for.

    Args:
        limit: How many bytes of its body are kept. What is longer is cut.
    """

    def __init__(self, limit: int) -> None:
        self.leaves_open = False
        self._limit = limit
        self._pieces: list[bytes] = []
        self._taken = 0
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._begun = self._whole = False
        self._parser = HttpResponseParser(self)

    def feed(self, piece: bytes) -> bool:
        """Take what came next; nothing at all (``b""``) is the connection's end. True once the answer is there.

        Raises:
            OddError: The answer is not plain, or is none.
        """
        self._pieces.append(piece)
        self._taken += len(piece)
        if piece:
            self._parse(piece)
            there = self._whole or len(self._body) > self._limit
        else:
            there = self._ends_with_connection()
        if there:
            del self._parser  # each holds the other: together they would be left to the garbage collector
        elif not piece or self._taken > (ANSWER_LIMIT if self._begun else HEADERS_LIMIT):
            raise self._odd()
        return there

    @property
    def reply(self) -> Reply:
        """The answer, once it is there."""
        body = bytes(self._body[: self._limit])
        return Reply(self._status, self._headers, body, cut=len(self._body) > self._limit)

    def _parse(self, piece: bytes) -> None:
        try:
            self._parser.feed_data(piece)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self._whole:
                raise self._odd() from error
            self.leaves_open = False

    def _ends_with_connection(self) -> bool:
        """Tell whether the connection's end is the answer's, too (RFC 9112, 6.3)."""
        return self._begun and self._headers.keys().isdisjoint(("content-length", "transfer-encoding"))

    def _odd(self) -> OddError:
        return OddError(b"".join(self._pieces), ended=not self._pieces[-1])

    # What the parser calls. What is raised here makes the answer odd.

    def on_message_begin(self) -> None:
        """Something begins. Behind the answer, nobody asked for it."""
        self.leaves_open = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header is read, or what looks like one behind a body in chunks."""
        if not self._begun:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The headers are over."""
        if self._begun:
            return
        self._status = self._parser.get_status_code()
        if self._status < _LOWEST or not b"".join(self._pieces).startswith(_VERSIONS):
            raise ValueError
        if self._headers.get("transfer-encoding", "chunked").lower() != "chunked":
            raise ValueError
        self._begun = self._status >= _FINAL
        if not self._begun:
            self._headers.clear()

    def on_body(self, piece: bytes) -> None:
        """Some of the body is read."""
        if not self._whole and len(self._body) <= self._limit:
            self._body += piece

    def on_message_complete(self) -> None:
        """What began is over."""
        if self._begun and not self._whole:
            self._whole, self.leaves_open = True, self._parser.should_keep_alive()
