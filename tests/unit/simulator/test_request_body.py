"""What a call brings is read from JSON, a form or a form with files; what cannot be read brings nothing."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from bridge.simulator.faulty_server import Received
from bridge.simulator.request_body import read, whole_number

FORM = "application/x-www-form-urlencoded"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(), st.booleans(), st.none())))
def test_json_is_read_as_it_is(told: dict[str, object]) -> None:
    assert read(_request("application/json", json.dumps(told).encode())) == told


@given(st.dictionaries(TEXTS, TEXTS))
def test_a_form_is_read_as_texts(told: dict[str, str]) -> None:
    assert read(_request(FORM, urlencode(told).encode())) == told


def test_a_form_with_a_file_is_read_as_texts() -> None:
    prepared = requests.Request(
        "POST", "http://example.com", data={"msg": "Grüße 🌞", "client_id": "12"}, files={"file": ("a", b"\xff\x00")}
    ).prepare()
    assert isinstance(prepared.body, bytes)
    told = read(_request(prepared.headers["Content-Type"], prepared.body))
    assert (told["msg"], told["client_id"]) == ("Grüße 🌞", "12")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_cannot_be_read_has_no_fields(body: bytes) -> None:
    assert read(_request("application/json", body)) == {}


@given(
    st.binary(),
    st.sampled_from(["", "application/json", FORM, "multipart/form-data", "multipart/form-data; boundary=x"]),
)
def test_no_body_whatsoever_raises(body: bytes, kind: str) -> None:
    assert isinstance(read(_request(kind, body)), dict)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        ("7", 7),
        (True, None),
        (7.0, None),
        ("", None),
        ("7.0", None),
        ("-7", None),
        ("\u0667", None),
        (None, None),
    ],
)
def test_a_whole_number_is_read_from_json_or_a_form(value: object, number: int | None) -> None:
    assert whole_number(value) == number


def _request(kind: str, body: bytes) -> Received:
    return Received("POST", "/", {"content-type": kind}, body, 0.0)


@pytest.mark.parametrize("kind", ["", FORM, "text/plain", "application/json", "multipart/form-data; boundary=x"])
def test_body_is_what_it_is_whatever_the_header_says(kind: str) -> None:
    """The vendor's curl example sends JSON as application/x-www-form-urlencoded (issue 17, 1)."""
    files = requests.Request("POST", "http://a", data={"client_id": "7", "api_key": "k"}, files={"f": b"x"}).prepare()
    assert isinstance(files.body, bytes)
    for body in (b'{\n "client_id": "7",\n "api_key": "k"\n}', b"client_id=7&api_key=k", files.body):
        told = read(_request(kind, body))
        assert (told["client_id"], told["api_key"]) == ("7", "k")


@given(st.sampled_from(["", FORM, "application/json"]), st.binary() | st.binary().map(lambda body: b"--" + body))
def test_any_body_is_read(kind: str, body: bytes) -> None:
    assert isinstance(read(_request(kind, body)), dict)
