"""What a new configuration changes is named, without its values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from bridge.config.changes import changes
from bridge.config.loader import load

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.config.models import Config

SECRET = "0123456789-secret"
PLAIN: dict[str, Any] = {
    "wbiztool": {"client_id": 1, "api_key": "key-of-the-account"},
    "messages": [1, {"id": 2, "label": "Invoice 88"}],
    "receivers": [{"name": "crm", "webhook": "https://crm.example.com/hook"}],
    "database": "sqlite:////tmp/bridge.db",
}


def made(folder: Path, **other: Any) -> Config:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**PLAIN, **other}))
    return load(path, {})


def changed(folder: Path, **other: Any) -> tuple[str, ...]:
    named = changes(made(folder), made(folder, **other))
    assert SECRET not in " ".join(named)
    return named


def test_same_configuration_has_no_changes(tmp_path: Path) -> None:
    assert changed(tmp_path) == ()


def test_settings_are_named_with_their_section(tmp_path: Path) -> None:
    account = {"client_id": 1, "api_key": SECRET, "timeout": "3s"}
    assert set(changed(tmp_path, wbiztool=account)) == {"wbiztool.api_key", "wbiztool.timeout"}
    assert changed(tmp_path, poll={"every": "31s"}) == ("poll.every",)
    assert changed(tmp_path, retention="2d") == ("retention",)
    assert changed(tmp_path, http={"token": SECRET}) == ("http.token",)


def test_section_that_comes_or_goes_is_named_itself(tmp_path: Path) -> None:
    assert changed(tmp_path, http=False) == ("http",)
    assert changed(tmp_path, heartbeat={"url": f"https://hc-ping.com/{SECRET}"}) == ("heartbeat",)


def test_receivers_are_named_by_their_names(tmp_path: Path) -> None:
    crm = {"name": "crm", "webhook": f"https://crm.example.com/{SECRET}", "headers": {"X-Key": SECRET}}
    ops = {"name": "ops", "webhook": "https://ops.example.com/"}
    named = changed(tmp_path, receivers=[crm, ops])
    assert set(named) == {"receivers.crm.webhook", "receivers.crm.headers", "receivers.ops (added)"}
    assert set(changed(tmp_path, receivers=[ops])) == {"receivers.crm (removed)", "receivers.ops (added)"}
    slack = {"name": "crm", "slack": f"https://hooks.slack.com/services/T0/B0/{SECRET}"}
    assert changed(tmp_path, receivers=[slack]) == ("receivers.crm",)


def test_messages_are_counted(tmp_path: Path) -> None:
    assert changed(tmp_path, messages=[2, 3, 4]) == ("messages (2 added, 1 removed)",)
    assert changed(tmp_path, messages=[1, {"id": 2, "label": SECRET}]) == ("messages",)
