"""What the process that :mod:`tests.world.warm` forks from does once, so that no fork of it has to do it again."""

from __future__ import annotations

import gc
import sys
import tempfile
from typing import Any

import typer.main

from bridge.cli.app import app
from bridge.cli.lazy import COMMANDS, load
from bridge.store.store import Store


def _command_line() -> None:
    """Import all commands and read their signatures, a quarter of the time that a command takes."""
    for name in COMMANDS:
        load(name)
    make = typer.main.get_command
    made = make(app)

    def get_command(typer_instance: typer.Typer) -> Any:
        return made if typer_instance is app else make(typer_instance)

    typer.main.get_command = get_command


def _database() -> None:
    """Make a database: what SQLAlchemy and Alembic remember from it is good for any other."""
    with tempfile.TemporaryDirectory() as folder:
        Store(f"sqlite:///{folder}/bridge.db").close()


sys.dont_write_bytecode = False  # every fork would compile the migrations again
_command_line()
_database()
gc.collect()
gc.freeze()  # no fork looks again for garbage in what was there before it
