"""Forms with files, taken apart."""

from __future__ import annotations

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from bridge.server.ui.multipart import fields_in

NAMES = st.sampled_from(["list", "file", "token"])


@given(st.dictionaries(NAMES, st.binary(max_size=100)))
def test_fields_are_what_was_sent(fields: dict[str, bytes]) -> None:
    files = {name: ("name=\"x\"; name='list'", content) for name, content in fields.items()}
    prepared = requests.Request("POST", "http://localhost", files={"none": (None, b""), **files}).prepare()
    assert isinstance(prepared.body, bytes)
    assert fields_in(prepared.body, prepared.headers["Content-Type"]) == {"none": b"", **fields}


@given(st.binary(max_size=200), st.text(max_size=50))
def test_whatever_comes_is_taken_apart_or_nothing(body: bytes, content_type: str) -> None:
    fields_in(body, content_type)
    fields_in(body, "multipart/form-data; boundary=-")


@pytest.mark.parametrize("type_", ["", "text/csv", "multipart/form-data", "multipart/form-data; boundary="])
def test_what_is_no_form_has_no_fields(type_: str) -> None:
    assert fields_in(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n', type_) == {}
