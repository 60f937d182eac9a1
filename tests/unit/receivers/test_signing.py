"""Signatures of Standard Webhooks, checked by the independent ``standardwebhooks`` and ``nacl`` packages."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import nacl.exceptions
import nacl.signing
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from bridge.receivers.signing import Ed25519Key, HmacKey, ed25519_key_of, key_of, sign


def secret_of(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def ed25519(seed: bytes) -> str:
    """The short form, of the seed alone."""
    return "whsk_" + base64.b64encode(seed).decode()


seeds = st.binary(min_size=32, max_size=32)
keys = st.binary(min_size=24, max_size=64)
bodies = st.text().map(str.encode)


def signed(secrets: list[str], body: bytes) -> dict[str, str]:
    timestamp = int(datetime.now(UTC).timestamp())  # the other side compares it with the machine's clock
    signature = sign([key_of(secret) for secret in secrets], "evt_abc", timestamp, body)
    return {"webhook-id": "evt_abc", "webhook-timestamp": str(timestamp), "webhook-signature": signature}


def test_the_example_of_the_specification_s_own_libraries_is_reproduced() -> None:
    # https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/python/tests/test_webhooks.py
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signature = sign([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(keys, bodies)
def test_another_library_verifies_any_body_with_any_key(key: bytes, body: bytes) -> None:
    Webhook(secret_of(key)).verify(body, signed([secret_of(key)], body), json_parse=False)


@given(st.lists(keys, min_size=2, max_size=3, unique=True), bodies)
def test_with_several_secrets_each_of_them_verifies(several: list[bytes], body: bytes) -> None:
    secrets = [secret_of(key) for key in several]
    headers = signed(secrets, body)
    for secret in secrets:
        Webhook(secret).verify(body, headers, json_parse=False)


def test_signatures_stand_in_the_order_of_the_secrets() -> None:
    one, two = HmacKey(b"1" * 24), Ed25519Key(b"2" * 32)
    assert sign([one, two], "a", 1, b"x").split(" ") == [sign([one], "a", 1, b"x"), sign([two], "a", 1, b"x")]


@given(keys, bodies)
def test_another_body_or_another_secret_does_not_verify(key: bytes, body: bytes) -> None:
    headers = signed([secret_of(key)], body)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_of(key)).verify(body + b" ", headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_of(key + b"x")).verify(body, headers, json_parse=False)


def test_without_a_key_there_is_no_signature() -> None:
    assert sign([], "a", 1, b"x") == ""


@given(keys)
def test_a_secret_is_read_as_libraries_write_it_and_in_no_other_sender(key: bytes) -> None:
    secret = secret_of(key)
    assert key_of(secret) == HmacKey(key)
    assert repr(key_of(secret)) == "HmacKey()"
    if secret.endswith("="):
        with pytest.raises(ValueError, match="is not base64"):
            key_of(secret.rstrip("="))


@given(seeds)
def test_a_new_pair_is_read_back_and_its_halves_belong_together(seed: bytes) -> None:
    pair = Ed25519Key(seed)
    assert pair.secret.startswith("whsk_")
    assert pair.public == "whpk_" + base64.b64encode(bytes(nacl.signing.SigningKey(seed).verify_key)).decode()
    assert ed25519_key_of(pair.secret).secret == ed25519_key_of(ed25519(seed)).secret == pair.secret


def test_the_first_test_vector_of_rfc_8032_is_reproduced() -> None:
    key = Ed25519Key(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert key.public_bytes.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    signature = base64.b64decode(key.signature(b"").removeprefix("v1a,")).hex()
    assert signature.startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")


def test_the_pair_of_svix_s_own_tests_is_read() -> None:
    secret = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
    assert ed25519_key_of(secret).public == "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="


@given(seeds, bodies)
def test_ed25519_is_verified_by_another_library_and_the_same_for_the_same_bytes(seed: bytes, body: bytes) -> None:
    key = Ed25519Key(seed)
    version, _, encoded = sign([key], "evt_abc", 7, body).partition(",")
    assert version == "v1a"
    signature, content = base64.b64decode(encoded), b"evt_abc.7." + body
    verifier = nacl.signing.VerifyKey(base64.b64decode(key.public.removeprefix("whpk_")))
    verifier.verify(content, signature)
    assert sign([Ed25519Key(seed)], "evt_abc", 7, body) == f"v1a,{encoded}"
    with pytest.raises(nacl.exceptions.BadSignatureError):
        verifier.verify(content + b" ", signature)


@given(keys, seeds, bodies)
def test_beside_an_ed25519_key_a_symmetric_one_still_verifies(key: bytes, seed: bytes, body: bytes) -> None:
    Webhook(secret_of(key)).verify(body, signed([ed25519(seed), secret_of(key)], body), json_parse=False)


@pytest.mark.parametrize(
    ("secret", "what"),
    [
        ("whsk_" + base64.b64encode(b"1" * 33).decode(), "base64 of 33 bytes"),
        ("whsk_" + base64.b64encode(b"1" * 64).decode(), "is damaged"),
        ("whsk_" + base64.b64encode(b"1" * 32).decode().rstrip("="), "is not base64"),
        ("whpk_" + base64.b64encode(b"1" * 32).decode(), "is the public key, which receivers get"),
    ],
)
def test_what_is_no_key_pair_is_refused_without_being_quoted(secret: str, what: str) -> None:
    with pytest.raises(ValueError, match=what) as refused:
        key_of(secret)
    assert secret[5:] not in str(refused.value)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",
        "WHSEC_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",
        "whsec_!!!!c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",
        "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0\n",
        "whsec_ünicode",
        secret_of(b"1" * 23),
        secret_of(b"1" * 65),
    ],
)
def test_what_is_no_secret_is_refused_without_being_quoted(secret: str) -> None:
    with pytest.raises(ValueError, match="secret") as refused:
        key_of(secret)
    rest = secret.removeprefix("whsec_")
    assert len(rest) < 6 or rest not in str(refused.value)
    assert refused.value.__cause__ is None


@given(st.text().filter(lambda text: not text.startswith(("whsec_", "whsk_", "whpk_"))))
def test_no_text_whatsoever_fails_in_another_sender(text: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 bytes"):
        key_of(text)
    with pytest.raises(ValueError, match="24 to 64 bytes"):
        key_of(f"whsec_{text}?")  # no letter of base64
