"""Files that let every user of the machine read a secret: who can read them, and the command that ends it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge.config.exposure import exposure, is_secret
from tests.unit.config.world import ENVIRON, Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

INLINE = "wbiztool: {client_id: 1, api_key: the-key-0123456789}\nreceivers: [{webhook: 'http://127.0.0.1/hook'}]\n"
IN_FILES = """\
wbiztool: {client_id: 1, api_key_file: key}
receivers: [{webhook: 'http://127.0.0.1/hook', secret_file: signing}]
http: {token_file: key}
database_file: database
"""


@pytest.fixture
def common() -> Iterator[Folder]:
    """A folder that every user may enter: pytest's own are their owner's alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Folder(Path(folder))


def warned(folder: Folder, text: str) -> list[str]:
    return [
        each.replace(f"{folder.path}/", "")
        for each in folder.load(text, {**ENVIRON, "TOKEN": "0123456789abcdef"}).warnings()
        if "every user" in each
    ]


@pytest.mark.parametrize(
    ("mode", "can", "change"),
    [(0o644, "read", "o-r"), (0o602, "change", "o-w"), (0o666, "read and change", "o-rw")],
)
def test_configuration_with_a_secret_that_others_may_read(common: Folder, mode: int, can: str, change: str) -> None:
    common.write(INLINE).chmod(mode)
    (warning,) = warned(common, INLINE)
    assert warning == (
        f"every user of this machine can {can} config.yaml, which holds wbiztool.api_key: chmod {change} config.yaml"
    )
    assert "the-key" not in warning


def test_nobody_is_warned_where_others_cannot_get_in(common: Folder) -> None:
    file = common.write(INLINE)
    for file_mode, folder_mode in ((0o640, 0o755), (0o644, 0o700), (0o644, 0o754)):
        file.chmod(file_mode)
        common.path.chmod(folder_mode)
        assert warned(common, INLINE) == []


def test_file_is_judged_by_where_a_link_leads(common: Folder) -> None:
    inner = common.path / "inner"
    inner.mkdir(mode=0o700)
    common.write("the-key-0123456789", "inner/key").chmod(0o644)
    (common.path / "key").symlink_to(inner / "key")
    text = INLINE.replace("api_key: the-key-0123456789", "api_key_file: key")
    assert warned(common, text) == []
    inner.chmod(0o755)
    assert warned(common, text) == [
        "every user of this machine can read key, which holds wbiztool.api_key: chmod o-r key"
    ]


def test_each_secret_file_is_named_once(common: Folder) -> None:
    for name, content in {
        "key": "the-key-0123456789-0123456789-0123456789",
        "signing": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr",
        "database": "postgresql://u:secret@127.0.0.1/x",
    }.items():
        common.write(content, name).chmod(0o644)
    assert sorted(warned(common, IN_FILES)) == [
        "every user of this machine can read database, which holds database: chmod o-r database",
        "every user of this machine can read key, which holds wbiztool.api_key, http.token: chmod o-r key",
        "every user of this machine can read signing, which holds receivers[0].secret: chmod o-r signing",
    ]


@pytest.mark.parametrize(
    ("receiver", "key"),
    [
        ("slack: 'https://hooks.slack.com/services/T0ABC/B0DEF/abcdefgh12345678'", "receivers[0].slack"),
        ("webhook: 'http://127.0.0.1/hook/0123456789abcdef'", "receivers[0].webhook"),
        ("webhook: 'http://127.0.0.1/hook?key=1'", "receivers[0].webhook"),
        ("webhook: 'http://127.0.0.1/hook', proxy: 'http://u:p@127.0.0.1:1'", "receivers[0].proxy"),
        ("webhook: 'http://127.0.0.1/hook', headers: {Authorization: Bearer x}", "receivers[0].headers.Authorization"),
        (
            "webhook: 'http://127.0.0.1/hook', secret: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr]",
            "receivers[0].secret[0]",
        ),
        ("webhook: 'http://127.0.0.1/hook'", None),
        ("webhook: 'http://127.0.0.1/hook', proxy: off, headers: {Accept: text/plain}", None),
        ('webhook: "http://127.0.0.1/${TOKEN}", headers: {Authorization: "Bearer ${TOKEN}"}', None),
        ("slack: '${SLACK}'", None),
    ],
)
def test_value_counts_where_it_is_secret_and_in_the_file(common: Folder, receiver: str, key: str | None) -> None:
    text = f'wbiztool: {{client_id: 1, api_key: "${{KEY}}"}}\nreceivers: [{{{receiver}}}]\n'
    common.write(text).chmod(0o644)
    holds = [each.partition(", which holds ")[2].partition(":")[0] for each in warned(common, text)]
    assert holds == ([] if key is None else [key])


def test_database_is_secret_where_it_has_a_password() -> None:
    assert is_secret("database", "postgresql://u:p@127.0.0.1/x")
    assert not is_secret("database", "postgresql://u@127.0.0.1/x")
    assert not is_secret("database", "sqlite:///bridge.db")


def test_many_keys_are_counted_and_strange_names_quoted(common: Folder) -> None:
    file = common.write("x", "a file")
    file.chmod(0o644)
    warning = exposure(file, ["a", "b", "c", "d", "e"])
    assert warning is not None
    assert f"which holds a, b, c and 2 more: chmod o-r '{file}'" in warning
    assert exposure(common.path / "gone", ["a"]) is None
