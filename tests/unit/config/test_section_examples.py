"""What a section looks like, where something else was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.config.section_examples import EXAMPLES, must_be_section
from bridge.config.slips.keys import CONTAINERS

if TYPE_CHECKING:
    from tests.unit.config.world import Folder

OF_A_RECEIVER = {"match", "not", "tags", "group", "batch", "headers", "mention", "quiet", "summary"}


def test_every_section_has_an_example() -> None:
    assert set(EXAMPLES) >= CONTAINERS


@pytest.mark.parametrize("key", sorted({*EXAMPLES} - {"tls"}))  # whose file there is not
def test_example_is_valid(folder: Folder, key: str) -> None:
    written = EXAMPLES[key].replace("…", "x")
    top = {"wbiztool": "{client_id: 123, api_key: x}", "messages": "[1]", "receivers": ""}
    kind = "slack: https://hooks.slack.com/services/T0ABC/B0DEF/x"
    if key in {"not", "tags"}:
        key, written = "match", f"{{{key}: {written}}}"
    if key in {"batch", "headers"}:
        kind = "webhook: http://127.0.0.1/"
    if key == "intervals":
        key, written = "poll", f"{{{key}: {written}}}"
    receiver = f"{kind}, {key}: {written}" if key in OF_A_RECEIVER else kind
    top |= {"receivers": f"[{{{receiver}}}]"} | ({} if key in OF_A_RECEIVER else {key: written})
    folder.load("".join(f"{name}: {value}\n" for name, value in top.items()))


def test_words() -> None:
    assert must_be_section("poll") == "must be a section, for example `poll: {every: 30s}`"
    assert must_be_section("other") == "must be keys with values"
