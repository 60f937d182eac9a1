"""One rule for message ids, wherever they come from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from bridge.domain.ids import like_a_phone, read_id
from bridge.domain.model import LARGEST_ID
from bridge.server.api.schemas.fields import MessageId
from bridge.server.wbiztool_hook_ids import ids_in
from bridge.source.report_response import read_page
from bridge.transport.message import Reply
from tests.world.clock import START

IN_JSON = TypeAdapter(MessageId)


def taken_everywhere(id_: int) -> list[bool]:
    """Whether each border takes an id: text (files, commands), the API, WbizTool's webhook, the report."""

    def taken(read: object) -> bool:
        try:
            return bool(callable(read) and read() == id_)
        except (ValueError, ValidationError):
            return False

    page = b'{"total": 1, "history": [{"id": %d}]}' % id_

    def reported() -> int:
        found = read_page(Reply(200, {}, page), START)
        return found.rows[0].id if hasattr(found, "rows") and found.rows else 0

    return [
        taken(lambda: read_id(str(id_))),
        taken(lambda: IN_JSON.validate_python(id_)),
        taken(lambda: next(iter(ids_in("", b'{"msg_id": %d}' % id_)), 0)),
        taken(reported),
    ]


@given(st.integers(1, 2**70) | st.integers(LARGEST_ID - 3, LARGEST_ID + 3))
def test_id_is_taken_by_all_borders_or_by_none(id_: int) -> None:
    assert taken_everywhere(id_) == [id_ <= LARGEST_ID] * 4


@given(st.text() | st.from_regex(r"[+0-9 ٣-]{1,20}"))
def test_any_text_is_an_id_or_refused_in_words(text: str) -> None:
    try:
        id_ = read_id(text)
    except ValueError as error:
        assert "a message id is a whole number" in str(error)  # noqa: PT017 -- most texts are none
    else:
        assert 0 < id_ <= LARGEST_ID
        assert int(text) == id_


@pytest.mark.parametrize(
    ("text", "phone"), [("+919876543210", True), ("+91 98765-43210", True), ("12345", False), ("", False), ("+", False)]
)
def test_phone_number_is_known_by_its_plus(text: str, phone: bool) -> None:
    assert like_a_phone(text) is phone


@pytest.mark.parametrize("value", ["12345", 12345, 12345.0])
def test_digits_as_text_are_an_id_in_json_too(value: object) -> None:
    assert IN_JSON.validate_python(value) == 12345


@pytest.mark.parametrize("value", ["", "0", "+1", "1.0", "x", True, None, 1.5, [1]])
def test_what_is_no_id_in_json_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        IN_JSON.validate_python(value)
