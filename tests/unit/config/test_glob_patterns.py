"""Patterns of lists find what glob finds, and say so where a folder can't be read."""

from __future__ import annotations

import glob
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.errors import Place
from bridge.config.glob_patterns import Pattern, is_pattern, vanished, written
from tests.unit.config.world import LEAST, Folder

PARTS = st.sampled_from(["a", "b", ".c", "[a]", "a.yaml", "*", "?", "a*", "[ab]", ".*", "*.yaml", "**"])
NAMES = st.sampled_from(["a", "b", ".c", "[a]", "a.yaml", "ab", "b.yaml"])


def pattern(folder: Path, name: str) -> Pattern:
    return Pattern(str(folder), name, Place(folder / "config.yaml"))


@given(
    files=st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=8),
    parts=st.lists(PARTS, min_size=1, max_size=3).filter(lambda parts: any(map(is_pattern, parts))),
    absolute=st.booleans(),
)
def test_pattern_finds_what_glob_finds(files: list[list[str]], parts: list[str], absolute: bool) -> None:
    """But for a folder that is none, where glob finds nothing and we say so."""
    with tempfile.TemporaryDirectory(prefix="x[") as root:
        for path in files:
            with suppress(OSError):  # a file stands where a folder is wanted
                Path(root, *path[:-1]).mkdir(parents=True, exist_ok=True)
                Path(root, *path).touch()
        name = "/".join(parts)
        whole = f"{glob.escape(root)}/{name}"
        try:
            found = pattern(Path(root), whole if absolute else name).matches()
        except NotADirectoryError:
            found = []
        assert found == sorted(glob.glob(whole))  # noqa: PTH207 -- it is what is compared with


def test_file_in_place_of_the_folder_is_a_fault(folder: Folder) -> None:
    folder.write("- 1\n", "watch.d")
    (fault,) = folder.faults(f"{LEAST}    messages: [{{include: 'watch.d/*.yaml'}}]\n")
    assert "messages[0].include: watch.d: the folder cannot be read: Not a directory" in fault


def test_folder_that_leads_to_itself_is_a_fault(folder: Folder) -> None:
    (folder.path / "watch.d").symlink_to("watch.d")
    (fault,) = folder.faults(f"{LEAST}    messages: [{{include: 'watch.d/*.yaml'}}]\n")
    assert "watch.d: the folder cannot be read: Too many levels of symbolic links" in fault


def test_files_among_folders_are_passed_over(folder: Folder) -> None:
    folder.write("1\n", "lists/a/ids.txt")
    folder.write("2\n", "lists/README")
    loaded = folder.load(f"{LEAST}    messages: [{{include: 'lists/*/ids.txt'}}, {{include: 'lists/*/*.yaml'}}]\n")
    assert set(loaded.watchlist.ids()) == {1}


def test_pattern_may_match_nothing(folder: Folder) -> None:
    """In an empty folder, and where there never was one."""
    (folder.path / "empty").mkdir()
    loaded = folder.load(f"{LEAST}    messages: [{{include: 'empty/*'}}, {{include: 'nowhere/*'}}]\n")
    assert len(loaded.watchlist) == 0
    assert vanished(loaded.sources.patterns, None) == []
    assert vanished(loaded.sources.patterns, written(loaded.sources.patterns)) == []


@pytest.mark.parametrize("name", ["watch.d/*.yaml", "watch.d/*/ids.yaml"])
def test_folder_that_vanished_is_told_from_an_empty_one(folder: Folder, name: str) -> None:
    file = folder.write("- 1\n", name.replace("*", "x"))
    (found,) = folder.load(f"{LEAST}    messages: [{{include: '{name}'}}]\n").sources.patterns
    before = written([found])
    assert vanished([found], before) == []
    file.unlink()
    assert vanished([found], before) == []
    shutil.rmtree(folder.path / "watch.d")
    (fault,) = vanished([found], before)
    assert f"the folder {folder.path / 'watch.d'} is gone" in fault.what
    assert fault.place == found.place


def test_file_system_that_is_not_mounted_is_told_from_an_empty_folder(tmp_path: Path) -> None:
    """The folder that it is mounted at is there, and on the file system of ``/``."""
    root = next(each for each in map(Path, ("/usr", "/etc")) if each.stat().st_dev == Path("/").stat().st_dev)
    gone = Pattern("/", f"{root}/wbiz-bridge-test-*.yaml", Place(tmp_path))
    (fault,) = vanished([gone], f'{{"{gone.key}": true}}')
    assert "is not mounted" in fault.what
    assert vanished([gone], f'{{"{gone.key}": false}}') == []
