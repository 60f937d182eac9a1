"""A bar, for what takes long."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress

from bridge.cli.console import console


@contextmanager
def progress(what: str, total: Callable[[], int]) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal, nothing elsewhere. What is given is called with how many more are done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with Progress(console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total())
        yield lambda more: bar.advance(task, more)
