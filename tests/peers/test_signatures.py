"""Independent libraries verify what the bridge signs: standardwebhooks from PyPI and from npm, and svix.

None of them reads ed25519 signatures (v1a): those are verified by Node's own, and must not disturb the libraries.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bridge.simulator.api import Simulator
from bridge.simulator.sink import Sink
from tests.world import node
from tests.world.bridge import MESSAGE, Bridge
from tests.world.daemon import command
from tests.world.programs import find_module

if TYPE_CHECKING:
    from collections.abc import Callable

    Verify = Callable[[str, "Signed"], Any]

pytestmark = pytest.mark.peers


def new_secret(size: int) -> str:
    return "whsec_" + base64.b64encode(os.urandom(size)).decode()


SECRETS = {name: new_secret(size) for name, size in [("shortest", 24), ("longest", 64), ("old", 32), ("new", 32)]}
SECRETS["ed25519"] = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
"""The key pair of the tests of Svix, whose server signs with it."""
OTHER_PUBLIC = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
"""RFC 8032, 7.1, the first test."""
RECEIVERS = {
    "short": ["shortest"],
    "long": ["longest"],
    "rotated": ["new", "old"],
    "asymmetric": ["ed25519"],
    "mixed": ["ed25519", "new"],
}


@dataclass(frozen=True)
class Signed:
    """What came over the wire."""

    headers: dict[str, str]
    body: bytes


def in_python(module: str) -> Verify:
    library = pytest.importorskip(f"{module}.webhooks", reason=f"no {module} here: pip install '.[peers]'")

    def verify(secret: str, signed: Signed) -> Any:
        try:
            library.Webhook(secret).verify(signed.body, signed.headers)
        except library.WebhookVerificationError:
            return None
        return json.loads(signed.body)

    return verify


def in_node() -> Verify:
    find_module("standardwebhooks")
    script = Path(__file__).with_name("verify.cjs")

    def verify(secret: str, signed: Signed) -> Any:
        return node.run(script, {"secret": secret, "headers": signed.headers, "body": signed.body.decode()})

    return verify


@pytest.fixture(params=["standardwebhooks", "svix", "npm standardwebhooks"])
def verify(request: pytest.FixtureRequest) -> Verify:
    """A library: gives the event that is signed with the secret, or None where the signature is not right."""
    return in_node() if request.param.startswith("npm ") else in_python(request.param)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What ``wbiz-bridge secret new`` makes: a secret, and a key pair."""
    folder = tmp_path_factory.mktemp("secrets")
    pair = json.loads(command(folder, "secret", "new", "--ed25519", "--json").stdout)
    symmetric = command(folder, "secret", "new").stdout.strip()
    return {"symmetric": symmetric, "private": pair["secret"], "public": pair["public_key"]}


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory, made: dict[str, str]) -> dict[str, Signed]:
    """How a failed message reached each receiver."""
    with Simulator() as simulator, Sink() as sink:
        receivers = [
            {
                "name": name,
                "webhook": f"{sink.url}?{name}",
                "secret": [SECRETS[one] for one in signing],
                "events": ["failed"],
            }
            for name, signing in RECEIVERS.items()
        ]
        both = [made["symmetric"], made["private"]]
        receivers.append({"name": "made", "webhook": f"{sink.url}?made", "secret": both, "events": ["failed"]})
        with Bridge(tmp_path_factory.mktemp("bridge"), simulator, receivers) as bridge:
            bridge.fails()
            records = sink.wait_for(len(receivers), 20)
    return {record.path.partition("?")[2]: Signed(dict(record.headers), record.body) for record in records}


@pytest.mark.parametrize(
    ("receiver", "secret"),
    [("short", "shortest"), ("long", "longest"), ("rotated", "old"), ("rotated", "new"), ("mixed", "new")],
)
def test_each_secret_of_a_receiver_verifies(
    verify: Verify, wire: dict[str, Signed], receiver: str, secret: str
) -> None:
    event = verify(SECRETS[secret], wire[receiver])
    assert event["type"] == "message.failed"
    assert event["data"]["label"] == MESSAGE["label"]


def test_the_secrets_that_the_bridge_makes_verify(
    verify: Verify, wire: dict[str, Signed], made: dict[str, str]
) -> None:
    assert verify(made["symmetric"], wire["made"])["type"] == "message.failed"
    assert verified_by(made["public"], wire["made"])


def test_another_secret_does_not(verify: Verify, wire: dict[str, Signed]) -> None:
    assert verify(SECRETS["longest"], wire["rotated"]) is None


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp"])
def test_no_header_that_is_signed_can_be_changed(verify: Verify, wire: dict[str, Signed], header: str) -> None:
    signed = wire["rotated"]
    other = signed.headers[header][:-1] + ("0" if signed.headers[header][-1] != "0" else "1")
    assert verify(SECRETS["new"], replace(signed, headers={**signed.headers, header: other})) is None


def test_no_byte_of_the_body_can_be_changed(verify: Verify, wire: dict[str, Signed]) -> None:
    signed = wire["rotated"]
    assert verify(SECRETS["new"], replace(signed, body=signed.body.replace(b"12346", b"12347"))) is None
    assert verify(SECRETS["new"], replace(signed, body=signed.body + b" ")) is None


@pytest.mark.parametrize("receiver", ["asymmetric", "mixed"])
def test_the_public_key_verifies_what_the_secret_one_has_signed(wire: dict[str, Signed], receiver: str) -> None:
    signed = wire[receiver]
    assert verified_by(PUBLIC, signed)
    assert not verified_by(OTHER_PUBLIC, signed)
    assert not verified_by(PUBLIC, replace(signed, body=signed.body.replace(b"12346", b"12347")))
    assert not verified_by(PUBLIC, replace(signed, headers={**signed.headers, "webhook-timestamp": "1614265330"}))


def verified_by(public_key: str, signed: Signed) -> bool:
    given = {"key": public_key, "headers": signed.headers, "body": signed.body.decode()}
    verdict: bool = node.run(Path(__file__).with_name("verify-ed25519.cjs"), given)
    return verdict


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    """How three failed messages reached a receiver that takes several events at once."""
    with Simulator() as simulator, Sink() as sink:
        receiver = {"webhook": sink.url, "secret": SECRETS["new"], "events": ["failed"], "batch": {"wait": "3s"}}
        with Bridge(tmp_path_factory.mktemp("bridge"), simulator, [receiver], others=(12347, 12348)) as bridge:
            bridge.fails()
            (record,) = sink.wait_for(1, 20)
            bridge.delivered("webhook", 3)
    return Signed(dict(record.headers), record.body)


def test_a_batch_is_signed_as_a_whole(verify: Verify, batch: Signed) -> None:
    events = verify(SECRETS["new"], batch)
    assert sorted(event["data"]["message_id"] for event in events) == [12346, 12347, 12348]
    assert len({event["id"] for event in events}) == 3
    assert verify(SECRETS["old"], batch) is None
