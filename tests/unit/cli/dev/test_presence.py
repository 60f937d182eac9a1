import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.cli.dev.presence import Presence, find, sole
from bridge.domain.errors import BridgeError, NotNowError

RUNNING = Presence(os.getpid(), "http://127.0.0.1:1", "http://localhost:3000", "token")


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return {"XDG_RUNTIME_DIR": str(tmp_path / "run")}


def test_presence_is_found_until_the_end(environ: dict[str, str]) -> None:
    with sole(environ) as place:
        assert find(environ) is None
        place.announce(RUNNING)
        assert find(environ) == RUNNING
    assert find(environ) is None


def test_presence_is_for_its_user_alone(environ: dict[str, str], tmp_path: Path) -> None:
    with sole(environ) as place:
        place.announce(RUNNING)
        folder = tmp_path / "run/wbiz-bridge/dev"
        assert {each.name: each.stat().st_mode & 0o777 for each in folder.iterdir()} == {"dev.json": 0o600}
        assert folder.stat().st_mode & 0o777 == 0o700
    assert "token" not in repr(RUNNING)


def test_presence_outside_a_session_is_found_within_one(environ: dict[str, str]) -> None:
    with sole({}) as place:
        place.announce(RUNNING)
        assert find(environ) == RUNNING


def test_second_one_is_refused_and_named(environ: dict[str, str]) -> None:
    with sole(environ) as place:
        with pytest.raises(NotNowError, match="is starting"), sole(environ):
            pass
        place.announce(RUNNING)
        with (
            pytest.raises(NotNowError, match=rf"process {os.getpid()}, forwarding to http://localhost:3000\)"),
            sole(environ),
        ):
            pass
        assert find(environ) == RUNNING
    with sole(environ):
        pass


def test_presence_of_a_dead_process_is_none(environ: dict[str, str]) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with sole(environ) as place:
        place.announce(Presence(ended.pid, "http://127.0.0.1:1", "http://localhost:3000", "token"))
        assert find(environ) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", json.dumps({"pid": 1})])
def test_damaged_presence_is_none(environ: dict[str, str], tmp_path: Path, text: str) -> None:
    with sole(environ):
        (tmp_path / "run/wbiz-bridge/dev/dev.json").write_text(text)
        assert find(environ) is None


def test_folder_that_cannot_be_made_is_said() -> None:
    with pytest.raises(BridgeError, match="set \\$XDG_RUNTIME_DIR"), sole({"XDG_RUNTIME_DIR": "/dev/null"}):
        pass
