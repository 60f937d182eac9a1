"""The unit that is written: the shipped one with the real program, and a seal that no change survives."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cli.service.actions import InstallError
from bridge.cli.service.unit_file import SHIPPED_PROGRAM, is_ours, render, shipped

PROGRAM = Path("/srv/py3.11/bin/wbiz-bridge")
UNIT = render(shipped(), PROGRAM)


def test_every_call_of_the_program_is_the_real_one() -> None:
    assert SHIPPED_PROGRAM in shipped()
    assert SHIPPED_PROGRAM not in UNIT
    assert UNIT.count(str(PROGRAM)) == shipped().count(SHIPPED_PROGRAM)


def test_a_unit_as_it_was_written_is_ours_and_so_is_a_plain_copy_of_the_shipped_one() -> None:
    assert is_ours(UNIT, shipped())
    assert is_ours(shipped(), shipped())
    assert is_ours(UNIT, "[Unit]\nDescription=another version\n")


@pytest.mark.parametrize("unit", ["", "\n", "[Unit]\n", "# Written by somebody else\n# sha256 0\n[Unit]\n"])
def test_a_unit_that_another_wrote_is_not_ours(unit: str) -> None:
    assert not is_ours(unit, shipped())


@given(st.data())
def test_a_line_that_is_added_changed_or_lost_shows(data: st.DataObject) -> None:
    lines = UNIT.splitlines(keepends=True)
    place = data.draw(st.integers(0, len(lines) - 1))
    changed = data.draw(
        st.sampled_from(
            [
                [*lines[:place], "Nice=5\n", *lines[place:]],
                [*lines[:place], *lines[place + 1 :]],
                [*lines[:place], f"#{lines[place]}", *lines[place + 1 :]],
            ]
        )
    )
    # The seal itself is only words, but for its sum.
    assert not is_ours("".join(changed), shipped()) or changed[2:] == lines[2:]


@pytest.mark.parametrize("path", ["/opt/my bridge/bin/wbiz-bridge", "/opt/50%/bin/wbiz-bridge", "/opt/$x/wbiz-bridge"])
def test_a_path_that_means_something_else_in_a_unit_file_is_refused(path: str) -> None:
    with pytest.raises(InstallError, match="such as /opt/wbiz-bridge"):
        render(shipped(), Path(path))
