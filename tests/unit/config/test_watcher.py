"""When is the configuration read again? With real files, and no waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.config.errors import InvalidConfiguration
from bridge.config.watcher import Reloader
from tests.unit.config.world import LEAST, Folder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def reloader(folder: Folder, text: str = LEAST) -> Reloader:
    return Reloader(folder.load(text), folder.load)


def test_what_has_not_changed_is_not_read_again(folder: Folder) -> None:
    following = reloader(folder)
    assert [following.changed() for _ in range(3)] == [False] * 3


def test_a_changed_file_is_read_when_nobody_writes_it_any_more(folder: Folder) -> None:
    following = reloader(folder)
    folder.write(LEAST + "    poll: {every: 1s}\n")
    assert not following.changed(), "it may still be being written"
    folder.write(LEAST + "    poll: {every: 11s}\n")
    assert not following.changed(), "it was written since"
    assert following.changed()
    assert following.read().poll.every.total_seconds() == 11
    assert [following.changed() for _ in range(3)] == [False] * 3


@pytest.mark.parametrize(
    ("listed", "name"),
    [("sent.txt", "sent.txt"), ("'watch.d/*.yaml'", "watch.d/new.yaml")],
)
def test_what_is_included_is_followed_too(folder: Folder, listed: str, name: str) -> None:
    folder.write("1\n", "sent.txt")
    following = reloader(folder, f"{LEAST}    messages: [{{include: {listed}}}]\n")
    folder.write("2" if name.endswith("txt") else "- 2", name)
    following.changed()
    assert following.changed()
    assert list(following.read().watchlist.ids()) == [2]


def test_a_secret_file_is_followed_too(folder: Folder) -> None:
    folder.write("old-key-0123456789", "key")
    following = reloader(folder, LEAST.replace('api_key: "${KEY}"', "api_key_file: key"))
    folder.write("new-key-0123456789!", "key")
    following.changed()
    assert following.changed()
    assert following.read().wbiztool.api_key.get_secret_value() == "new-key-0123456789!"


def test_what_is_wrong_is_told_once_and_read_again_when_it_is_fixed(folder: Folder) -> None:
    following = reloader(folder)
    folder.write(LEAST + "    messages: [{include: missing.txt}]\n")
    following.changed()
    assert following.changed()
    with pytest.raises(InvalidConfiguration, match=r"missing\.txt"):
        following.read()
    assert [following.changed() for _ in range(3)] == [False] * 3
    folder.write("7\n", "missing.txt")
    following.changed()
    assert following.changed(), "what was missing is looked for"
    assert list(following.read().watchlist.ids()) == [7]


def test_a_file_that_goes_away_is_a_change(folder: Folder) -> None:
    following = reloader(folder)
    (folder.path / "config.yaml").unlink()
    following.changed()
    assert following.changed()
    with pytest.raises(InvalidConfiguration, match="no such file"):
        following.read()
    folder.write(LEAST)
    following.changed()
    assert following.changed()


def test_what_changes_while_it_is_read_is_read_again(folder: Folder) -> None:
    config = folder.load(LEAST)

    def slowly() -> object:
        read = folder.load()
        folder.write(LEAST + "    retention: 1d\n")
        return read

    following = Reloader(config, slowly)  # type: ignore[arg-type]
    following.read()
    following.changed()
    assert following.changed()
