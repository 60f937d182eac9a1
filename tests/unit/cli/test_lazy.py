import subprocess
import sys
from pathlib import Path

import pytest

from bridge.cli import commands
from bridge.cli.lazy import COMMANDS, load
from bridge.store.store import Store

HEAVY = ("sqlalchemy", "pydantic", "bridge.daemon.daemon", "structlog", "requests", "yaml")
NEEDLESS = (
    *("alembic", "apscheduler", "jinja2", "prometheus_client", "fastapi", "uvicorn", "pycurl", "requests", "structlog"),
    *("bridge.daemon.daemon", "bridge.daemon.logs"),
)


def imported(*arguments: str, of: tuple[str, ...], code: int = 0) -> list[str]:
    """Run a command in a process of its own; say which of these modules it has imported."""
    script = f"import sys, bridge.__main__ as m\ntry: m.main()\nfinally: print([n for n in {of} if n in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == code, ran.stderr
    found: list[str] = eval(ran.stdout.splitlines()[-1])
    return found


def test_table_and_modules_agree() -> None:
    modules = {file.stem for file in Path(commands.__path__[0]).glob("*.py")} - {"__init__"}
    assert modules == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_table_has_name_and_first_help_line(name: str) -> None:
    command = load(name)
    assert (command.name, command.help.partition("\n")[0]) == (name, COMMANDS[name])


def test_help_cuts_no_line_at_80_columns() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "bridge", "--help"], capture_output=True, text=True, check=True, env={"COLUMNS": "80"}
    ).stdout
    assert [line for line in COMMANDS.values() if line not in shown] == []


def test_version_imports_not_even_typer() -> None:
    assert imported("--version", of=(*HEAVY, "typer", "rich")) == []


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_imports_no_command(option: str) -> None:
    modules = tuple(f"bridge.cli.commands.{name}" for name in COMMANDS)
    assert imported(option, of=HEAVY + modules) == []


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("watch", "1"), ("messages",), ("status",)])
def test_short_command_imports_no_daemon(arguments: tuple[str, ...], tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "wbiztool: {client_id: 1, api_key: k}\nreceivers: [{name: crm, webhook: 'http://127.0.0.1:9'}]\nhttp: off\n"
        f"database: sqlite:///{tmp_path}/bridge.db\n"
    )
    code = 3 if arguments == ("status",) else 0  # no daemon runs
    Store(f"sqlite:///{tmp_path}/bridge.db").close()  # to make one takes Alembic
    assert imported(*arguments, "-c", str(config), of=NEEDLESS, code=code) == []
