"""The commands `service install` and `service uninstall`, on a system in a folder; on a real one: tests/systemd."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from tests.world.daemon import command
from tests.world.terminal import answered

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

KEY = "a-very-secret-key"
SLACK = "https://hooks.slack.com/services/T00/B00/very-secret"


def service(root: Path, *arguments: str) -> str:
    """Run a `service` command on the system in a folder; what it prints."""
    done = command(root.parent, "service", *arguments, "--root", str(root))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty system."""
    folder = tmp_path / "system"
    folder.mkdir()
    return folder


def files(root: Path) -> dict[str, tuple[int, str]]:
    """Mode and content of each file of the system."""
    found = (file for file in root.rglob("*") if file.is_file())
    return {
        f"/{file.relative_to(root)}": (stat.S_IMODE(file.stat().st_mode), file.read_text(encoding="utf-8"))
        for file in found
    }


def test_a_dry_run_shows_everything_and_writes_nothing(root: Path) -> None:
    shown = service(root, "install", "--dry-run")
    assert files(root) == {}
    for line in service(root, "install").split("\n\n")[0].splitlines():
        assert line in shown


def test_installing_twice_changes_nothing(root: Path) -> None:
    service(root, "install", "--client-id", "123")
    once = files(root)
    assert {path: mode for path, (mode, _) in once.items()} == {
        "/etc/systemd/system/wbiz-bridge.service": 0o644,
        "/etc/wbiz-bridge/config.yaml": 0o644,
        "/etc/wbiz-bridge/wbiztool-api-key": 0o600,
        "/etc/wbiz-bridge/slack-url": 0o600,
    }
    service(root, "install", "--client-id", "456")
    assert files(root) == once


def test_the_configuration_is_right_once_it_is_filled_in(root: Path) -> None:
    service(root, "install")
    folder = root / "etc" / "wbiz-bridge"
    file = folder / "config.yaml"

    def check() -> subprocess.CompletedProcess[str]:
        return command(
            root, "check", "-c", str(file), extra={"CREDENTIALS_DIRECTORY": str(folder), "STATE_DIRECTORY": str(root)}
        )

    assert check().returncode == 78
    text = file.read_text(encoding="utf-8").replace("client_id: #", "client_id: 123 #")
    file.write_text(text.replace("  # - ", "  - ").replace("  #   webhook", "    webhook"), encoding="utf-8")
    complaints = [line for line in check().stderr.splitlines()[1:] if not line.startswith(" ")]
    assert ["api_key_file" in complaints[0], "slack_file" in complaints[1], len(complaints)] == [True, True, 2]
    (folder / "wbiztool-api-key").write_text(KEY, encoding="utf-8")
    (folder / "slack-url").write_text(SLACK, encoding="utf-8")
    done = check()
    assert done.returncode == 0
    # The webhook in the file is an example still, without a secret.
    assert [line.split(":")[:2] for line in done.stderr.splitlines()] == [["warning", " receiver crm"]] * 2
    assert "2 messages listed, plus everything the account sends; receivers: ops, crm" in done.stdout


def test_scripts_give_files_and_a_second_time_nothing_is_left_to_do(root: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    (tmp_path / "slack").write_text(f"{SLACK}\n")
    given = ["--api-key-file", str(tmp_path / "key"), "--slack-url-file", str(tmp_path / "slack")]
    shown = service(root, "install", "--client-id", "123", *given, "--start")
    assert "Next steps" not in shown
    assert KEY not in shown
    assert files(root)["/etc/wbiz-bridge/wbiztool-api-key"] == (0o600, f"{KEY}\n")
    assert "Next steps" not in service(root, "install", "--start")


def test_nothing_is_started_that_would_end_with_78_and_the_to_do_is_repeated(root: Path) -> None:
    service(root, "install", "--client-id", "123")
    for _ in range(2):
        done = command(root.parent, "service", "install", "--root", str(root), "--start")
        assert (done.returncode, "was not started" in done.stderr) == (1, True)
        assert "wbiztool.api_key_file: " in done.stdout
        assert "receivers[0].slack_file: " in done.stdout
        assert "systemctl restart" not in done.stdout
    (root / "etc/wbiz-bridge/wbiztool-api-key").write_text(KEY)
    (root / "etc/wbiz-bridge/slack-url").write_text(SLACK)
    assert "Next steps" not in service(root, "install", "--start")
    config = root / "etc/wbiz-bridge/config.yaml"
    config.write_text(config.read_text().replace("discover:", "disocver:"))
    done = command(root.parent, "service", "install", "--root", str(root), "--start")
    assert (done.returncode, "disocver: unknown key (did you mean `discover`?)" in done.stdout) == (1, True)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  - {name: sms, command: [/bin/cat]}\n", "command"),
        ('  - {name: crm, webhook: "${ONLY_IN_MY_SHELL}"}\n', "ONLY_IN_MY_SHELL"),
    ],
)
def test_nothing_is_started_that_works_in_the_shell_alone(root: Path, tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "slack").write_text(SLACK)
    given = ["--api-key-file", str(tmp_path / "key"), "--slack-url-file", str(tmp_path / "slack")]
    service(root, "install", "--client-id", "123", *given)
    config = root / "etc/wbiz-bridge/config.yaml"
    text = config.read_text()
    config.write_text(text + line)
    variables = {"ONLY_IN_MY_SHELL": "https://crm.example.com/hook"}
    start = ("service", "install", "--root", str(root), "--start")
    done = command(root.parent, *start, extra=variables)
    assert (done.returncode, words in done.stdout) == (1, True), done
    config.write_text(text)
    (config.parent / ".env").write_text("A=b\n")
    (config.parent / ".env").chmod(0o600)
    assert ".env: the service can't read it" in command(root.parent, *start).stdout
    (config.parent / ".env").chmod(0o644)
    assert command(root.parent, *start).returncode == 0


@pytest.mark.parametrize(
    ("option", "content", "words"),
    [
        ("--slack-url-file", "hooks.slack.com/services/x", "not a usable address"),
        ("--slack-url-file", "", "must not be empty"),
        ("--api-key-file", "two\nlines", "must be one line"),
        ("--api-key-file", None, "no such file"),
    ],
)
def test_a_file_with_no_answer_is_refused_and_nothing_done(
    root: Path, tmp_path: Path, option: str, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "given").write_text(content)
    done = command(root.parent, "service", "install", "--root", str(root), option, str(tmp_path / "given"))
    assert (done.returncode, words in done.stderr) == (2, True), done
    assert files(root) == {}


@pytest.mark.slow
def test_on_a_terminal_it_asks_and_shows_no_secret(root: Path) -> None:
    shown, code = answered(
        *(root, "service", "install", "--root", str(root)),
        answers=[
            ("client id", "-5"),
            ("must be a whole number", "123"),
            ("API key", KEY),
            ("Slack webhook URL", "very-secret"),
            ("not a usable address", SLACK),
        ],
    )
    assert code == 0
    assert "secret" not in shown
    found = files(root)
    assert "  client_id: 123\n" in found["/etc/wbiz-bridge/config.yaml"][1]
    assert found["/etc/wbiz-bridge/wbiztool-api-key"] == (0o600, f"{KEY}\n")
    assert found["/etc/wbiz-bridge/slack-url"] == (0o600, f"{SLACK}\n")


def test_a_unit_that_was_changed_by_hand_is_not_written_over(root: Path) -> None:
    service(root, "install")
    unit = root / "etc/systemd/system/wbiz-bridge.service"
    changed = unit.read_text(encoding="utf-8") + "Nice=5\n"
    unit.write_text(changed, encoding="utf-8")
    done = command(root.parent, "service", "install", "--root", str(root))
    assert done.returncode == 1
    assert "systemctl edit wbiz-bridge" in done.stderr
    assert unit.read_text(encoding="utf-8") == changed
    service(root, "install", "--force")
    assert "Nice=5" not in unit.read_text(encoding="utf-8")
    assert unit.with_suffix(".service.bak").read_text(encoding="utf-8") == changed


def test_uninstalling_keeps_what_is_yours_until_it_is_purged(root: Path) -> None:
    service(root, "install")
    state = root / "var/lib/private/wbiz-bridge/bridge.db"
    state.parent.mkdir(parents=True)
    state.touch()
    assert "keep    /etc/wbiz-bridge " in service(root, "uninstall")
    assert "/etc/systemd/system/wbiz-bridge.service" not in files(root)
    assert len(files(root)) == 4
    service(root, "uninstall", "--purge")
    assert files(root) == {}
    assert service(root, "uninstall") == "No service is installed.\n"


def test_each_of_several_accounts_has_all_of_its_own_but_the_unit(root: Path) -> None:
    for number, name in enumerate(("shop", "support")):
        service(root, "install", "--instance", name, "--client-id", str(number + 1))
    found = files(root)
    places = ("config.yaml", "wbiztool-api-key", "slack-url")
    assert set(found) == {
        "/etc/systemd/system/wbiz-bridge@.service",
        *(f"/etc/wbiz-bridge/{name}/{place}" for name in ("shop", "support") for place in places),
    }
    ports = [found[f"/etc/wbiz-bridge/{name}/config.yaml"][1].count("127.0.0.1:809") for name in ("shop", "support")]
    assert ports == [2, 2]
    assert "listen: 127.0.0.1:8096" in found["/etc/wbiz-bridge/shop/config.yaml"][1]
    assert "listen: 127.0.0.1:8097" in found["/etc/wbiz-bridge/support/config.yaml"][1]
    shown = service(root, "install", "--instance", "shop")
    assert "systemctl enable --now wbiz-bridge@shop" in shown
    assert files(root) == found
    service(root, "uninstall", "--instance", "shop", "--purge")
    assert set(files(root)) == {path for path in found if "/shop/" not in path}
    assert service(root, "uninstall", "--instance", "shop") == "No service is installed.\n"
    service(root, "uninstall", "--instance", "support", "--purge")
    assert files(root) == {}


def test_an_instance_s_configuration_is_right_once_it_is_filled_in(root: Path) -> None:
    service(root, "install", "--instance", "shop", "--client-id", "123")
    folder = root / "etc" / "wbiz-bridge" / "shop"
    (folder / "wbiztool-api-key").write_text(KEY, encoding="utf-8")
    (folder / "slack-url").write_text(SLACK, encoding="utf-8")
    text = (folder / "config.yaml").read_text(encoding="utf-8")
    (folder / "config.yaml").write_text(text.replace("  # - 12345", "  - 12345"), encoding="utf-8")
    done = command(
        root,
        "check",
        "-c",
        str(folder / "config.yaml"),
        extra={"CREDENTIALS_DIRECTORY": str(folder), "STATE_DIRECTORY": str(root)},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_name_that_no_unit_can_have_is_wrong_usage(root: Path) -> None:
    done = command(root.parent, "service", "install", "--root", str(root), "--instance", "My Shop")
    assert done.returncode == 2
    assert "'My Shop' is not usable as an instance's name (allowed: 1 to 19 of a-z 0-9 _ -" in done.stderr
    assert files(root) == {}
