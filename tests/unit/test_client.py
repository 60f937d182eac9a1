"""The helper for programs that receive: what it verifies, and in which words it refuses."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from email.message import Message
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook
from starlette.datastructures import Headers

from bridge.client import VerificationError, verify, verify_batch
from bridge.receivers.signing import Ed25519Key, key_of, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

AT = 1614265330
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
"""The example in the tests of the specification's own libraries.

https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/javascript/src/index.test.ts
"""
OTHER = "whsec_" + base64.b64encode(b"another secret, 32 bytes long ok").decode()
EVENT = {"test": 2432232314}

keys = st.binary(min_size=24, max_size=64)
events = st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.text()))


def headers(signature: str = SIGNATURE, **changed: str) -> dict[str, str]:
    return {
        "webhook-id": ID,
        "webhook-timestamp": str(AT),
        "webhook-signature": signature,
        **{f"webhook-{name}": value for name, value in changed.items()},
    }


def now() -> float:
    return AT + 0.5


def secret_of(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def verified(signed: Mapping[str, Any], secret: str | Sequence[str] = SECRET, body: bytes = BODY) -> object:
    return verify(body, signed, secret, clock=now)


def refused(signed: Mapping[str, Any], secret: str | Sequence[str] = SECRET, body: Any = BODY) -> str:
    with pytest.raises(VerificationError) as caught:
        verified(signed, secret, body)
    assert caught.value.__cause__ is None
    for one in [secret] if isinstance(secret, str) else secret:
        assert len(one) < 12 or one.strip()[6:] not in str(caught.value)
    return str(caught.value)


def test_example_of_the_specification_is_verified() -> None:
    assert verified(headers()) == EVENT


@given(st.lists(keys, min_size=1, max_size=3, unique=True), events)
def test_what_the_bridge_signs_is_verified_by_each_secret(several: list[bytes], event: dict[str, Any]) -> None:
    secrets = [secret_of(key) for key in several]
    body = json.dumps(event, ensure_ascii=False).encode()
    signed = headers(sign([key_of(secret) for secret in secrets], ID, AT, body))
    for secret in secrets:
        assert verified(signed, secret, body) == event
    assert verified(signed, [OTHER, secrets[-1]], body) == event


@given(keys, events)
def test_what_another_library_signs_is_verified(key: bytes, event: dict[str, Any]) -> None:
    body = json.dumps(event)
    signature = Webhook(secret_of(key)).sign(ID, datetime.fromtimestamp(AT, UTC), body)
    assert verified(headers(signature), secret_of(key), body.encode()) == event


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_changed_byte_of_the_body_is_refused(place: int, by: int) -> None:
    changed = bytearray(BODY)
    changed[place] ^= by
    assert refused(headers(), body=bytes(changed)) == "no signature of the request was made with this secret"


@pytest.mark.parametrize(
    "signed",
    [
        headers(id="msg_p5jXN8AQM9LWM0D4loKWxJel"),
        headers(timestamp=str(AT + 1)),
        headers(timestamp=f"0{AT}"),
        headers("v1,"),
        headers("v2," + SIGNATURE[3:]),
        headers("v1a," + SIGNATURE[3:]),
        headers(SIGNATURE[3:]),
        headers(SIGNATURE.rstrip("=")),
        headers(SIGNATURE.replace("v1,", "v1,,")),
        headers(SIGNATURE.replace(",", ", ")),
        headers(","),
    ],
)
def test_changed_header_is_refused(signed: dict[str, str]) -> None:
    assert refused(signed) == "no signature of the request was made with this secret"


def test_another_secret_is_refused() -> None:
    for secret in (OTHER, [OTHER], [OTHER, secret_of(b"3" * 32)]):
        assert refused(headers(), secret) == "no signature of the request was made with this secret"


def test_one_signature_of_several_is_enough() -> None:
    ed25519 = sign([Ed25519Key(b"2" * 32)], ID, AT, BODY)
    assert verified(headers(f"{ed25519} v1,AAAA {SIGNATURE}")) == EVENT
    assert verified(headers(f"{SIGNATURE} v1,AAAA"), [OTHER, SECRET]) == EVENT


@pytest.mark.parametrize("distance", [-300, 0, 300])
def test_timestamp_within_five_minutes_is_accepted(distance: int) -> None:
    assert verify(BODY, headers(), SECRET, clock=lambda: AT + distance) == EVENT


@pytest.mark.parametrize(("distance", "words"), [(-301, "301 s in the future"), (301, "301 s ago"), (9e8, " s ago")])
def test_timestamp_of_another_time_is_refused(distance: float, words: str) -> None:
    with pytest.raises(VerificationError, match=f"{words}, which is more than 300 s: it is a repeat, or a clock"):
        verify(BODY, headers(), SECRET, clock=lambda: AT + distance)


def test_tolerance_is_a_parameter_and_the_machine_s_clock_the_default() -> None:
    assert verify(BODY, headers(), SECRET, tolerance=10, clock=lambda: AT + 10) == EVENT
    with pytest.raises(VerificationError, match="more than 10 s"):
        verify(BODY, headers(), SECRET, tolerance=10, clock=lambda: AT + 11)
    with pytest.raises(VerificationError, match=r"signed \d{9} s ago"):
        verify(BODY, headers(), SECRET)


@pytest.mark.parametrize("timestamp", ["soon", "1614265330.5", "+1614265330", " 1614265330", "1_614_265_330", "9" * 99])
def test_timestamp_that_is_no_number_is_refused(timestamp: str) -> None:
    assert refused(headers(timestamp=timestamp)) == "the header webhook-timestamp is not a number of seconds"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_missing_header_is_named(name: str) -> None:
    without = {key: value for key, value in headers().items() if key != name}
    assert refused(without) == f"the request has no header {name}: it was not signed by the bridge"
    assert refused({**without, name: ""}) == refused(without)
    assert refused({**without, name: "ü"}) == "the request's headers are not plain text"


def as_message(named: dict[str, str]) -> Any:
    """What the standard library's HTTP server has."""
    message = Message()
    for name, value in named.items():
        message[name] = value
    return message


@pytest.mark.parametrize(
    "form",
    [
        lambda named: {name.title(): value for name, value in named.items()},
        lambda named: {name.upper(): value for name, value in named.items()},
        lambda named: {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in named.items()},
        lambda named: {"wsgi.input": object(), "CONTENT_TYPE": "application/json", **named},
        as_message,
        Headers,
    ],
    ids=["title case", "upper case", "WSGI", "others beside", "http.server", "Starlette"],
)
def test_headers_are_taken_as_frameworks_have_them(form: Callable[[dict[str, str]], Any]) -> None:
    assert verified(form(headers())) == EVENT


@pytest.mark.parametrize("body", ["{}", bytearray(b"{}"), {"type": "message.failed"}, None])
def test_body_that_is_not_bytes_is_refused(body: object) -> None:
    kind = type(body).__name__
    assert refused(headers(), body=body) == f"the body must be bytes as they came, not {kind}: parsing changes it"


def test_secret_of_a_file_may_end_with_a_newline() -> None:
    assert verified(headers(), f"{SECRET}\n") == EVENT


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_!!!!MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_ünicodeünicode",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        [SECRET, "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    ],
)
def test_what_is_no_secret_is_refused_without_being_quoted(secret: str | list[str]) -> None:
    words = "the secret must be whsec_ followed by base64, as `wbiz-bridge secret new` prints it"
    assert refused(headers(), secret) == words


def test_no_secret_is_refused() -> None:
    assert refused(headers(), []) == "there is no secret to verify with"


@pytest.mark.parametrize("secret", [Ed25519Key(b"2" * 32).secret, Ed25519Key(b"2" * 32).public])
def test_ed25519_key_is_refused_with_what_to_use_instead(secret: str) -> None:
    words = (
        f"{secret[:5]}… is an ed25519 key, which the standard library can't verify with: use the library cryptography"
    )
    assert refused(headers(), secret).startswith(words)
    assert refused(headers(), [SECRET, secret]).startswith(words)


def test_batch_is_verified_by_a_function_of_its_own() -> None:
    one, several = b'{"id": "a"}', b'[{"id": "a"}, {"id": "b"}]'
    signed = {body: headers(sign([key_of(SECRET)], ID, AT, body)) for body in (one, several, b"{")}
    assert verify_batch(several, signed[several], SECRET, clock=now) == [{"id": "a"}, {"id": "b"}]
    assert "use verify_batch()" in refused(signed[several], body=several)
    with pytest.raises(VerificationError, match=r"use verify\(\)"):
        verify_batch(one, signed[one], SECRET, clock=now)
    assert refused(signed[b"{"], body=b"{") == "the request is signed, but its body is not JSON"
