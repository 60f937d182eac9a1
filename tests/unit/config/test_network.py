"""``tls`` and ``proxy``: what they may be; that files are checked when they are read, and never shown."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from bridge.config.watcher import fingerprint
from bridge.receivers.webhook.config import WebhookReceiverConfig
from tests.unit.config.world import LEAST, Folder
from tests.world.tls import Authority

if TYPE_CHECKING:
    from pathlib import Path

HOOK = f"{LEAST}      - webhook: https://crm.example.com/\n"
MARKED = "MARKED5ECRETMARKED5ECRET"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    authority = Authority(tmp_path_factory.mktemp("ours"))
    authority.client("bridge")
    authority.client("other")
    authority.client("locked", b"open sesame")
    folder = authority.file.parent
    (folder / "both.pem").write_bytes((folder / "bridge.key").read_bytes() + (folder / "bridge.pem").read_bytes())
    (folder / "empty").touch()
    (folder / "nonsense").write_text(MARKED)
    (folder / "broken.pem").write_text(f"-----BEGIN CERTIFICATE-----\n{MARKED}\n-----END CERTIFICATE-----\n")
    (folder / "password").write_text("open sesame\n")
    return authority


@pytest.fixture
def there(ours: Authority, folder: Folder) -> Folder:
    """A configuration's folder with certificates beside it, under the name ``tls``."""
    (folder.path / "tls").symlink_to(ours.file.parent)
    return folder


def hook(folder: Folder, tls: str) -> WebhookReceiverConfig:
    receiver = folder.load(f"{HOOK}        tls: {tls}\n").receivers[1]
    assert isinstance(receiver, WebhookReceiverConfig)
    return receiver


@pytest.mark.parametrize(
    "tls",
    [
        "{ca_file: tls/ca.pem}",
        "{cert_file: tls/both.pem}",
        "{cert_file: tls/bridge.pem, key_file: tls/bridge.key}",
        "{cert_file: tls/locked.pem, key_file: tls/locked.key, key_password_file: tls/password}",
        "{cert_file: tls/locked.pem, key_file: tls/locked.key, key_password: open sesame}",
        "{ca_file: tls/ca.pem, cert_file: tls/both.pem, verify: on}",
        "{verify: off}",
        "{}",
    ],
)
def test_what_is_right_is_accepted(there: Folder, tls: str) -> None:
    assert hook(there, tls).tls is not None


@pytest.mark.parametrize(
    ("tls", "where", "what"),
    [
        ("{ca_file: nowhere}", "tls.ca_file", "no such file"),
        ("{ca_file: tls}", "tls.ca_file", "this is a folder, not a file"),
        ("{ca_file: tls/empty}", "tls.ca_file", "no certificate can be read from the file (allowed: PEM, -----BEGIN"),
        ("{ca_file: tls/nonsense}", "tls.ca_file", "no certificate can be read from the file"),
        ("{ca_file: tls/broken.pem}", "tls.ca_file", "no certificate can be read from the file"),
        ("{ca_file: tls/bridge.key}", "tls.ca_file", "no certificate can be read from the file"),
        ("{cert_file: tls/bridge.key}", "tls.cert_file", "no certificate can be read from the file"),
        ("{cert_file: tls/bridge.pem}", "tls.cert_file", "no private key can be read from the file (allowed: PEM, ---"),
        ("{cert_file: tls/bridge.pem, key_file: tls/nonsense}", "tls.key_file", "no private key can be read from the"),
        ("{cert_file: tls/bridge.pem, key_file: nowhere}", "tls.key_file", "no such file"),
        (
            "{cert_file: tls/bridge.pem, key_file: tls/other.key}",
            "tls.key_file",
            "the key does not fit the certificate",
        ),
        (
            "{cert_file: tls/locked.pem, key_file: tls/locked.key}",
            "tls.key_file",
            "the key is encrypted; give its pass",
        ),
        (
            "{cert_file: tls/locked.pem, key_file: tls/locked.key, key_password: open barley}",
            "tls.key_password",
            "does not open the key",
        ),
        (
            "{cert_file: tls/locked.pem, key_file: tls/locked.key, key_password_file: tls/nonsense}",
            "tls.key_password_file",
            "does not open the key",
        ),
        ("{key_file: tls/bridge.key}", "tls.key_file", "belongs to a cert_file, which is missing"),
        ("{key_password: x}", "tls.key_password", "belongs to a cert_file, which is missing"),
        ("{ca_file: tls/ca.pem, verify: off}", "tls.ca_file", "has no meaning while verify is off; keep one"),
        ("{verify: maybe}", "tls.verify", "must be on or off"),
        ("{certfile: x}", "tls.certfile", "unknown key (did you mean `cert_file`?)"),
        ("5", "tls", "must be a section, for example `tls: {ca_file: ca.pem}`"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_nothing_of_what_it_holds(
    there: Folder, tls: str, where: str, what: str
) -> None:
    (fault,) = there.faults(f"{HOOK}        tls: {tls}\n")
    assert fault.startswith("config.yaml:5:")
    assert f": receivers[1].{where}: {what}" in fault
    assert MARKED not in fault


def test_openssl_never_asks_for_a_password_at_the_terminal(there: Folder) -> None:
    started = time.monotonic()
    there.faults(f"{HOOK}        tls: {{cert_file: tls/locked.pem, key_file: tls/locked.key}}\n")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("receiver", "what"),
    [
        (
            "slack: 'https://hooks.slack.com/services/x', tls: {verify: off}",
            "tls.verify: Slack's certificate is always verified",
        ),
        ("webhook: 'http://crm.example.com/', tls: {verify: on}", "tls: only an address that begins with https:// has"),
        ("webhook: 'https://a.b/', proxy: 'ftp://proxy/'", "proxy: not a usable address (allowed: http://host:3128"),
        ("webhook: 'https://a..b.com/'", "webhook: not a host that can be called"),
        (f"webhook: 'https://{'a' * 64}.com/'", "webhook: not a host that can be called"),
        ("webhook: 'https://a b.com/'", "webhook: not a usable address"),
        ("webhook: 'https://a.b/', proxy: 'http://a..b/'", "proxy: not a host that can be called"),
        ("webhook: 'https://a.b/', proxy: 'http://proxy/path'", "proxy: a proxy's address ends with its port"),
        (f"webhook: 'https://a.b/', proxy: '{MARKED}'", "proxy: not a usable address"),
        ("slack: 'https://hooks.slack.com/services/x', proxy: [x]", "proxy: must be text"),
    ],
)
def test_what_does_not_fit_the_address_is_told(there: Folder, receiver: str, what: str) -> None:
    (fault,) = there.faults(f"{LEAST}      - {{name: x, {receiver}}}\n")
    assert f"receivers[1].{what}" in fault
    assert MARKED not in fault


def test_wbiztool_s_certificate_is_always_verified_too(there: Folder) -> None:
    least = LEAST.replace("client_id: 123", "client_id: 123, tls: {verify: off}")
    (fault,) = there.faults(least)
    assert "wbiztool.tls.verify: every call carries the API key: it can't be off" in fault
    loaded = there.load(LEAST.replace("client_id: 123", "client_id: 123, tls: {ca_file: tls/ca.pem}, proxy: off"))
    assert loaded.wbiztool.tls is not None
    assert loaded.wbiztool.tls.authorities is not None
    assert loaded.wbiztool.proxy_in_clear is False


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("off", False),
        ('"off"', False),
        ("http://10.0.0.1:3128", "http://10.0.0.1:3128"),
        ("http://[::1]:3128/", "http://[::1]:3128/"),
        ("socks5h://user:pw@10.0.0.1:1080", "socks5h://user:pw@10.0.0.1:1080"),
    ],
)
def test_a_proxy_is_an_address_or_off(there: Folder, written: str, read: object) -> None:
    chosen, default = (there.load(text).receivers[1] for text in (f"{HOOK}        proxy: {written}\n", HOOK))
    assert isinstance(chosen, WebhookReceiverConfig)
    assert isinstance(default, WebhookReceiverConfig)
    assert chosen.proxy_in_clear == read
    assert default.proxy_in_clear is None


def test_passwords_are_known_as_secrets_and_not_shown(there: Folder) -> None:
    tls = "{cert_file: tls/locked.pem, key_file: tls/locked.key, key_password_file: tls/password}"
    there.write(f"http://bridge:{MARKED}@proxy.example.com:3128\n", "proxy")
    loaded = there.load(f"{HOOK}        proxy_file: proxy\n        tls: {tls}\n")
    assert {f"http://bridge:{MARKED}@proxy.example.com:3128", "open sesame"} <= {*loaded.secrets()}
    assert MARKED not in repr(loaded)
    assert "open sesame" not in repr(loaded)
    assert "PRIVATE KEY" not in repr(loaded)


def test_a_file_that_changed_makes_another_configuration_and_is_watched(folder: Folder, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ours")
    certificate, key = authority.client()
    folder.write(certificate.read_bytes() + key.read_bytes(), "client.pem")
    before = hook(folder, "{cert_file: client.pem}")
    sources = folder.load().sources
    assert folder.path / "client.pem" in sources.files
    assert hook(folder, "{cert_file: client.pem}") == before
    seen = fingerprint(sources)
    certificate, key = authority.client("renewed")
    folder.write(certificate.read_bytes() + key.read_bytes(), "client.pem")
    assert hook(folder, "{cert_file: client.pem}") != before
    assert fingerprint(sources) != seen


def test_what_is_dangerous_is_warned_of(there: Folder) -> None:
    before = there.load(HOOK).warnings()
    (warning,) = set(there.load(f"{HOOK}        tls: {{verify: off}}\n").warnings()) - set(before)
    assert warning.startswith("receiver webhook: tls.verify is off: anyone on the network path can read and change")
