"""The log has a form for whoever reads it, whoever writes to it."""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from bridge.daemon import logs
from bridge.daemon.log_listener import LogListener
from bridge.daemon.logs import configure
from bridge.domain.model import DeliveryState, Observation, Status
from bridge.domain.outcome import Delivered
from tests.world.clock import START
from tests.world.metrics import attempt, delivery, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PENDING = Observation(Status.PENDING, START)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave logging as it was found."""
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    unraisable = sys.unraisablehook
    yield
    logs.close()
    logging.captureWarnings(capture=False)
    sys.unraisablehook = unraisable
    structlog.reset_defaults()
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def errors(capfd: pytest.CaptureFixture[str]) -> str:
    assert logs.flush()
    return capfd.readouterr().err


def written(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in errors(capfd).splitlines()]


def test_without_a_terminal_every_line_is_json(capfd: pytest.CaptureFixture[str]) -> None:
    configure("info", "auto")
    LogListener().tried("crm", [delivery(DeliveryState.DELIVERED)], [attempt(Delivered())])
    LogListener().polled(1, PENDING, 0.2)
    (line,) = written(capfd)
    assert (line["event"], line["level"], line["message_id"]) == ("delivered", "info", 12346)
    assert line["timestamp"].endswith("Z")


def test_on_a_terminal_lines_have_colours_unless_they_are_not_wanted(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for colours in (True, False):
        monkeypatch.setattr("sys.stderr.isatty", lambda: True)
        configure("info", "auto")
        LogListener().event_recorded(told())
        shown = errors(capfd)
        assert ("\x1b[" in shown) == colours
        assert "message.failed" in shown
        assert "12346" in shown
        monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.parametrize("outside", ["\x1b[2J", "\x1b]52;c;aGk=\x07", "\x9b31m", "\u202e", "\r"])
def test_nothing_from_outside_steers_a_terminal(outside: str, capfd: pytest.CaptureFixture[str]) -> None:
    configure("info", "console")
    structlog.get_logger().warning("message.failed", error=f"a{outside}b", label=outside)
    logging.getLogger("a.library").warning("it says %s", outside)
    try:
        int(outside)
    except ValueError:
        structlog.get_logger().exception("it failed")
    assert all(character.isprintable() for character in errors(capfd).replace("\n", ""))


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_libraries_log_has_the_same_form_and_no_secret_in_it(form: str, capfd: pytest.CaptureFixture[str]) -> None:
    configure("info", form, ["a-very-secret-key"])
    try:
        int("a-very-secret-key")
    except ValueError:
        logging.getLogger("a.library").exception("it sent %s", "a-very-secret-key")
    shown = errors(capfd)
    assert "a-very-secret-key" not in shown
    assert "ValueError: invalid literal for int() with base 10: '***'" in shown
    if form == "json":
        (line,) = map(json.loads, shown.splitlines())
        assert (line["event"], line["level"], line["logger"]) == ("it sent ***", "error", "a.library")


@pytest.mark.parametrize("form", ["json", "console"])
def test_in_the_journal_and_nowhere_else_every_line_begins_with_its_priority(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "journal").open("w+", encoding="utf-8") as stream:
        monkeypatch.setattr("sys.stderr", stream)
        file = os.fstat(stream.fileno())
        for named in (f"{file.st_dev}:{file.st_ino}", "1:1"):
            monkeypatch.setenv("JOURNAL_STREAM", named)
            configure("info", form)
            LogListener().tried("crm", [delivery(DeliveryState.DELIVERED)], [attempt(Delivered())])
            LogListener().event_recorded(told())
            try:
                int("many")
            except ValueError:
                logging.getLogger("a.library").exception("it failed")
        assert logs.flush()
        stream.seek(0)
        lines = stream.read().splitlines()
    in_journal, elsewhere = lines[: len(lines) // 2], lines[len(lines) // 2 :]
    assert [line[:3] for line in in_journal] == ["<6>", "<4>"] + ["<3>"] * (len(in_journal) - 2)
    assert not any(line.startswith("<") for line in elsewhere)


def test_a_library_s_level_in_between_and_a_faulty_record_do_no_harm(capfd: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")
    logging.getLogger("a.library").log(logging.WARNING + 5, "in between")
    (line,) = written(capfd)
    assert line["level"] == "warning"
    logging.getLogger("a.library").warning("%d apples", "many")
    (line,) = written(capfd)
    assert (line["event"], line["logger"]) == ("%d apples", "a.library")
    assert line["why"].startswith("cannot be formatted: ")
