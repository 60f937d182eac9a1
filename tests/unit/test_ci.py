"""CI runs what the README tells, and takes no skipped test for a passed one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_LINE = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest"


def lines_of(name: str) -> list[str]:
    return [line.strip() for line in (_ROOT / name).read_text(encoding="utf-8").splitlines()]


def test_ci_runs_the_very_line_that_the_readme_gives() -> None:
    assert lines_of("README.md").count(_LINE) == 1
    assert lines_of(".ci/run").count(_LINE) == 1


@pytest.mark.parametrize("name", ["run", "promtool", "peers", "faketime"])
def test_ci_is_made_of_shell_scripts_without_mistakes_that_can_be_run(name: str) -> None:
    script = _ROOT / ".ci" / name
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=20)


def test_a_promtool_that_is_installed_is_used_and_nothing_is_fetched(tmp_path: Path) -> None:
    installed = tmp_path / "promtool"
    stand_in(installed, "true")
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        [_ROOT / ".ci" / "promtool", tmp_path / "nowhere"],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert done.stdout == f"{installed}\n"


def test_peers_that_are_installed_are_used_and_none_is_fetched_twice(tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    installed.mkdir()
    fetched = ("webhook", "pgbouncer", "nginx", "prometheus-alertmanager", "php", "go", "tini")
    for name in (*fetched, "node"):
        stand_in(installed / name, "true")
    stand_in(installed / "apt-get", "exit 1")
    stand_in(installed / "npm", 'cp package.json "asked.json" && echo "$@" >asked')
    folder = tmp_path / "peers"
    for _ in range(2):
        subprocess.run(
            [_ROOT / ".ci" / "peers", folder],
            env={**os.environ, "PATH": f"{installed}:{os.environ['PATH']}"},
            check=True,
            timeout=20,
        )
    for name in fetched:
        assert (folder / "bin" / name).readlink() == installed / name
    assert (folder / "bin" / "node-red").is_symlink()
    assert (folder / "asked").read_text(encoding="utf-8").startswith("install ")
    assert set(json.loads((folder / "asked.json").read_text(encoding="utf-8"))["dependencies"]) >= {
        "node-red",
        "express",
    }


def stand_in(path: Path, does: str) -> None:
    path.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
    path.chmod(0o755)


_SKIPS = """
import pytest

def test_passes(): pass
def test_skips(): pytest.skip("no server here")
def test_lacks_something(): pytest.skip("not on this platform: no such call")

@pytest.mark.skip(reason="later")
def test_is_marked(): pass

@pytest.mark.skipif(True, reason="not on this platform: no such file")
def test_is_marked_for_the_platform(): pass

@pytest.fixture
def server(): pytest.skip("no server here")
def test_needs_a_server(server): pass

@pytest.mark.xfail
def test_fails_as_expected(): raise ValueError
"""

_ALL_SKIPPED = "import pytest\npytest.skip('as a whole', allow_module_level=True)\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ci", "closing"),
    [
        ("", "1 passed, 6 skipped, 1 xfailed in "),
        ("true", "1 failed, 1 passed, 2 skipped, 1 xfailed, 3 errors in "),
    ],
)
def test_a_skip_is_a_failure_in_ci_unless_the_platform_lacks_something(tmp_path: Path, ci: str, closing: str) -> None:
    (tmp_path / "test_some.py").write_text(_SKIPS, encoding="utf-8")
    (tmp_path / "test_whole.py").write_text(_ALL_SKIPPED, encoding="utf-8")
    options = [
        "-p",
        "xdist.plugin",
        "-p",
        "tests.conftest",
        "-c",
        os.devnull,
        "-q",
        "--continue-on-collection-errors",
        str(tmp_path),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=_ROOT,
        env={**os.environ, "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1].startswith(closing)
    assert done.returncode == (1 if ci else 0)
