"""Answers are checked in the words of the configuration, and never shown."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge.cli import questions
from bridge.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("check", "text", "words"),
    [
        (questions.client_id, "-5", "must be a whole number (allowed: 1 to "),
        (questions.client_id, "", "must be a whole number"),
        (questions.client_id, "9" * 50, "must be a whole number"),
        (questions.api_key, "", "must not be empty"),
        (questions.api_key, "two\nlines", "must be one line"),
        (questions.api_key, "“curly-secret”", "begins with a curly quote"),
        (questions.slack_url, "hooks.slack.com/services/a-secret", "not a usable address"),
        (questions.slack_url, "http://example.com/a-secret", "must begin with https://"),
        (questions.slack_url, "https://slack.com/a-secret", "not the address of a webhook of Slack's"),
        (questions.webhook_url, "ftp://example.com/a-secret", "not a usable address (allowed: https://host/…)"),
    ],
)
def test_answer_that_cannot_be_used_is_refused_with_what_is_allowed(
    check: Callable[[str], object], text: str, words: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}") as refused:
        check(text)
    assert "secret" not in str(refused.value).replace("the address is a secret", "")


def test_answer_is_read() -> None:
    assert questions.client_id("123") == 123
    assert questions.api_key("0123") == "0123"
    assert questions.slack_url("https://hooks.slack.com/services/T0/B0/x") == "https://hooks.slack.com/services/T0/B0/x"
    assert questions.or_nothing(questions.client_id)("") is None


def test_option_is_named_where_it_is_wrong() -> None:
    assert questions.given("--client-id", None, questions.client_id) is None
    assert questions.given("--client-id", " 7 ", questions.client_id) == 7
    with pytest.raises(UsageError, match=r"^--client-id: must be a whole number"):
        questions.given("--client-id", "-5", questions.client_id)


def test_secret_is_read_from_a_file_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("the-key \r\n")
    assert questions.given_secret("--api-key-file", file, questions.api_key) == "the-key"
    assert questions.given_secret("--api-key-file", None, questions.api_key) is None
    file.write_text("a-secret\nand more")
    with pytest.raises(UsageError) as refused:
        questions.given_secret("--api-key-file", file, questions.api_key)
    assert str(refused.value) == f"--api-key-file {file}: must be one line, without control characters"


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "must not be empty"), (b"\xff\xfe", "not UTF-8 text"), (b"x" * 70_000, "the file is too large")],
)
def test_file_without_a_secret_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(UsageError, match=f"--api-key-file .*: {words}"):
        questions.given_secret("--api-key-file", tmp_path / "key", questions.api_key)


def test_secret_may_come_through_a_pipe() -> None:
    ours, theirs = os.pipe()
    os.write(theirs, b"the-key\n")
    os.close(theirs)
    try:
        file = Path(f"/proc/self/fd/{ours}")
        assert questions.given_secret("--api-key-file", file, questions.api_key) == "the-key"
    finally:
        os.close(ours)
