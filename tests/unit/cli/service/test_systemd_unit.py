"""The unit file: what systemd itself says of it, and the keys that the documentation promises."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.service.paths import Layout
from bridge.cli.service.unit_file import SHIPPED_PROGRAM as _PROGRAM
from bridge.cli.service.unit_file import shipped

_FOLDER = Path(__file__).parents[4] / "systemd"
_UNIT = _FOLDER / "wbiz-bridge.service"
_TEMPLATE = _FOLDER / "wbiz-bridge@.service"
_OF_ONE_ACCOUNT = {
    "Description=WbizTool bridge:": "Description=WbizTool bridge of %i:",
    "/etc/wbiz-bridge/": "/etc/wbiz-bridge/%i/",
    "SyslogIdentifier=wbiz-bridge": "SyslogIdentifier=wbiz-bridge@%i",
    "owns /var/lib/wbiz-bridge ": "owns /var/lib/wbiz-bridge@NAME ",
    "StateDirectory=wbiz-bridge": "User=wbiz-bridge-%i\nStateDirectory=wbiz-bridge@%i",
    "NoExecPaths=-%S/wbiz-bridge": "NoExecPaths=-%S/wbiz-bridge@%i",
    "in /run/wbiz-bridge:": "in /run/wbiz-bridge@NAME:",
    "RuntimeDirectory=wbiz-bridge": "RuntimeDirectory=wbiz-bridge@%i",
    "ConfigurationDirectory=wbiz-bridge": "ConfigurationDirectory=wbiz-bridge/%i",
    "/run/credentials/wbiz-bridge.service:": "/run/credentials/%n:",
    "[Unit]\n": "# One account of several, each with a bridge of its own: wbiz-bridge@NAME, with "
    "/etc/wbiz-bridge/NAME/config.yaml.\n[Unit]\n",
}
"""All in which the unit of one account of several differs."""


@pytest.fixture(scope="module")
def keys() -> dict[str, list[str]]:
    """All values of each key, whichever section it is in."""
    found: dict[str, list[str]] = {}
    for line in _UNIT.read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture(scope="module")
def analyze() -> str:
    """The program that checks units."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    return program


@pytest.mark.parametrize(("unit", "name"), [(_UNIT, _UNIT.name), (_TEMPLATE, "wbiz-bridge@shop-1.service")])
def test_systemd_finds_nothing_wrong_with_the_unit(analyze: str, tmp_path: Path, unit: Path, name: str) -> None:
    copy = tmp_path / name
    text = unit.read_text(encoding="utf-8")
    assert _PROGRAM in text
    copy.write_text(text.replace(_PROGRAM, "/bin/true"), encoding="utf-8")  # it need not be installed to be checked
    command = [analyze, "verify", "--man=no", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if name in line]
    assert (complaints, done.returncode) == ([], 0)


def test_the_unit_of_one_account_of_several_is_the_same_but_for_its_places() -> None:
    text = _UNIT.read_text(encoding="utf-8")
    for here, there in _OF_ONE_ACCOUNT.items():
        assert here in text
        text = text.replace(here, there)
    assert _TEMPLATE.read_text(encoding="utf-8").splitlines() == text.splitlines()


@pytest.fixture(scope="module")
def assessment(analyze: str) -> list[dict[str, Any]]:
    """What systemd thinks of each of the unit's restrictions."""
    command = [analyze, "security", "--offline=true", "--no-pager", "--json=short", str(_UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if not done.stdout.startswith("["):
        pytest.skip("not on this platform: systemd is too old to judge a unit that is not loaded (250 can)")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_systemd_finds_the_service_hardly_exposed(analyze: str) -> None:
    command = [analyze, "security", "--offline=true", "--threshold=15", "--no-pager", str(_UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if "unrecognized option" in done.stderr:
        pytest.skip("not on this platform: systemd is too old to judge a unit that is not loaded (250 can)")
    assert done.returncode == 0, done.stdout


def test_what_systemd_still_finds_exposed_is_explained_in_the_unit(assessment: list[dict[str, Any]]) -> None:
    explained = re.findall(r"^#   ([A-Z]\S+)", _UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    assert {each["name"] for each in assessment if each["exposure"]} <= set(explained)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("ExecStart", f"{_PROGRAM} run -c /etc/wbiz-bridge/config.yaml"),
        ("DynamicUser", "yes"),
        ("StateDirectory", "wbiz-bridge"),
        ("ConfigurationDirectory", "wbiz-bridge"),
        ("Restart", "on-failure"),
        ("WatchdogSec", "60"),
        ("TimeoutStopSec", "10"),
        ("After", "network-online.target"),
        ("Wants", "network-online.target"),
        ("WantedBy", "multi-user.target"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("MemoryDenyWriteExecute", "yes"),
        ("PrivateUsers", "yes"),
        ("NoExecPaths", "-%S/wbiz-bridge"),
    ],
)
def test_the_unit_says_so(keys: dict[str, list[str]], key: str, value: str) -> None:
    assert keys[key] == [value]


def test_the_keys_are_handed_over_as_credentials(keys: dict[str, list[str]]) -> None:
    assert keys["LoadCredential"] == [
        "wbiztool-api-key:/etc/wbiz-bridge/wbiztool-api-key",
        "slack-url:/etc/wbiz-bridge/slack-url",
    ]


def test_a_reload_looks_at_the_configuration_first(keys: dict[str, list[str]]) -> None:
    check, tell = keys["ExecReload"]
    assert check.endswith(f" {_PROGRAM} check -c /etc/wbiz-bridge/config.yaml")
    assert tell == "/bin/kill -HUP $MAINPID"


def test_the_package_has_the_very_same_unit() -> None:
    assert shipped() == _UNIT.read_text(encoding="utf-8")
    assert shipped(Layout("shop")) == _TEMPLATE.read_text(encoding="utf-8")


def test_what_only_a_person_can_mend_is_not_started_again(keys: dict[str, list[str]]) -> None:
    assert {int(code) for code in keys["RestartPreventExitStatus"][0].split()} == {2, 74, 77, 78}


def test_it_is_started_again_for_as_long_as_it_takes_but_not_in_a_hot_loop(keys: dict[str, list[str]]) -> None:
    assert keys["StartLimitIntervalSec"] == ["0"]
    assert keys["RestartSec"] == ["5s"]


def test_the_installation_steps_name_the_paths_of_the_unit() -> None:
    steps = (_FOLDER / "README.md").read_text(encoding="utf-8")
    unit = _UNIT.read_text(encoding="utf-8")
    shop = _TEMPLATE.read_text(encoding="utf-8").replace("%i", "shop")
    for path in sorted(set(re.findall(r"/(?:opt|etc)/[\w./-]+", unit))):
        assert path in steps
    for name in ("config.yaml", "wbiztool-api-key", "slack-url"):
        assert f"/etc/wbiz-bridge/shop/{name}" in shop
    for line in ("User=wbiz-bridge-shop", "StateDirectory=wbiz-bridge@shop"):
        assert f"\n{line}\n" in shop
        assert f"`{line}`" in steps
    assert "api_key_file: ${CREDENTIALS_DIRECTORY}/wbiztool-api-key" in steps
    assert "systemctl enable --now wbiz-bridge" in steps
