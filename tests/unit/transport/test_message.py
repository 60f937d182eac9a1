"""A reply is text, whatever its bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.transport.message import Reply


@given(st.binary())
def test_a_reply_is_text_whatever_its_bytes(body: bytes) -> None:
    assert Reply(200, body=body).text.encode()[:0] == b""


def test_a_reply_reads_its_text_as_utf_8() -> None:
    assert Reply(200, body="grüße ✓".encode()).text == "grüße ✓"
    assert Reply(200, body=b"ok\xff").text == "ok\N{REPLACEMENT CHARACTER}"
