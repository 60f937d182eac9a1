"""Reads one answer of a call, piece by piece as it comes, bounded in size. It knows no sockets.

llhttp, which is the parser of Node.js, takes it apart (package httptools), at a fifth of what http.client costs
(docs/performance.md). This module says where an answer ends, what of it is kept, and whether another one may follow on
the same connection.
"""

from __future__ import annotations

import http.client

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from bridge.wire import Reply

HEADERS_LIMIT = 64 * 1024
"""Bytes of the headers' names and values, those of answers before the final one ("100 Continue") included."""

ANSWER_LIMIT = 8 * 1024 * 1024
"""Bytes of the whole, as it is on the wire: of a body in chunks of one byte, few are the body's."""

_LOWEST, _FINAL = 100, 200  # what is between is told on the way to the answer (RFC 9110, 15.2)


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
        self._taken = self._named = 0
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._begun = self._whole = False
        self._parser = HttpResponseParser(self)
        # Dangerous where several share a connection, which is not so here. RFC 9112 allows it, and http.client does it:
        # line feeds alone (2.2), folded headers (5.2), a length beside chunks (6.3). To refuse these would be to send
        # again what the receiver has.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_optional_cr_before_lf=True,
            lenient_chunked_length=True,
            lenient_spaces_after_chunk_size=True,
        )

    def feed(self, piece: bytes) -> bool:
        """Take what came next; nothing at all (``b""``) is the connection's end. True once the answer is there.

        Raises:
            http.client.RemoteDisconnected: The connection ended before the headers did.
            http.client.IncompleteRead: It ended in the body.
            http.client.HTTPException: This is no HTTP, or does not end.
        """
        if not piece:
            self._end()
            return True
        self._taken += len(piece)
        try:
            self._parser.feed_data(piece)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self._whole:
                raise http.client.HTTPException(str(error)) from error
            self.leaves_open = False
        if self._whole or len(self._body) > self._limit:
            return True
        if self._taken > ANSWER_LIMIT:
            raise http.client.HTTPException("the answer does not end")
        return False

    @property
    def reply(self) -> Reply:
        """The answer, once it is there."""
        body = bytes(self._body[: self._limit])
        return Reply(self._status, self._headers, body, cut=len(self._body) > self._limit)

    def _end(self) -> None:
        if not self._begun:
            raise http.client.RemoteDisconnected("the headers are cut")
        if "content-length" in self._headers or "chunked" in self._headers.get("transfer-encoding", "").lower():
            raise http.client.IncompleteRead(bytes(self._body))
        # Else the connection's end is the body's (RFC 9112, 6.3).

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Something begins. Behind the answer, nobody asked for it."""
        self.leaves_open = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header is read, or what looks like one behind a body in chunks."""
        self._named += len(name) + len(value)
        if self._named > HEADERS_LIMIT:
            raise ValueError
        if not self._begun:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The headers are over."""
        if self._begun:
            return
        self._status = self._parser.get_status_code()
        if self._status < _LOWEST:
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
            del self._parser  # each holds the other: together they would be left to the garbage collector
