"""The system and the database may speak any language: nothing is told apart by English words of theirs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from bridge.simulator.api import Simulator
from tests.world.cluster import cluster
from tests.world.daemon import account, command, environment, write_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.world.cluster import Cluster

LANGUAGES = {"de": "de_DE", "ru": "ru_RU"}
"""German, and one whose words for FATAL are not Latin."""


@pytest.fixture(scope="module", params=LANGUAGES)
def locale(request: pytest.FixtureRequest) -> Iterator[str]:
    """A language of the system, made here: its name; programs that are started find it."""
    if shutil.which("localedef") is None:
        pytest.skip("not on this platform: needs glibc's localedef")
    name = LANGUAGES[request.param]
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        Path(place).chmod(0o755)  # the server is another user's
        made = ["localedef", "-i", name, "-f", "UTF-8", f"{place}/{name}.UTF-8"]
        if subprocess.run(made, capture_output=True, check=False).returncode:
            pytest.skip(f"not on this platform: there is no source of {name} (Debian's package locales)")
        patch.setenv("LOCPATH", place)
        yield f"{name}.UTF-8"


@pytest.fixture(scope="module")
def server(locale: str) -> Iterator[Cluster]:
    """A server that says everything in that language."""
    with cluster(start=False) as made:
        made.start()
        made.execute(
            "CREATE ROLE app LOGIN PASSWORD 'right'", "CREATE ROLE idle NOLOGIN", "CREATE DATABASE app OWNER app"
        )
        made.execute("CREATE ROLE poor LOGIN CONNECTION LIMIT 0")
        made.stop(signal.SIGINT)
        rules = made.folder / "data" / "pg_hba.conf"
        rules.write_text(
            "host all app 127.0.0.1/32 scram-sha-256\nhost all bridge,idle,poor,nobody 127.0.0.1/32 trust\n"
        )
        made.start({"lc_messages": locale})
        with psycopg.connect(made.url(), autocommit=True) as connection, pytest.raises(psycopg.Error) as told:
            connection.execute("SELECT 1 / 0")
        if "division by zero" in str(told.value):
            pytest.skip("not on this platform: PostgreSQL was built without other languages")
        yield made


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("user", "database", "code", "words"),
    [
        ("app:wrong", "app", 77, "refuses the password"),
        ("nobody", "app", 77, "refuses the user"),
        ("idle", "app", 77, "refuses the user"),
        ("stranger", "app", 77, "refuses the user"),
        ("app:right", "nowhere", 78, "does not exist on this server"),
        ("poor", "app", 75, "has no free connection"),
        ("app:right", "app", 0, ""),
    ],
)
def test_refusal_of_postgres_has_its_words_in_any_language(
    tmp_path: Path, server: Cluster, user: str, database: str, code: int, words: str
) -> None:
    with Simulator() as simulator:
        write_config(
            tmp_path,
            {
                "wbiztool": account(simulator),
                "messages": [1],
                "receivers": [{"name": "crm", "webhook": "http://127.0.0.1:9/x"}],
                "database": server.url(database, user),
            },
        )
        done = command(tmp_path, "check", "--online")
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert done.stderr.isascii() or "…" in done.stderr, "the server's own words are not shown"


@pytest.mark.waits
@pytest.mark.timeout(300)
def test_faults_of_the_system_have_the_same_words_in_any_language(tmp_path: Path, locale: str) -> None:
    """A file that is not there, a port where nobody listens, a name that nobody knows, a folder that is not there."""
    (tmp_path / "config.yaml").write_text(
        "wbiztool: {client_id: 1, api_key: 0123456789ab, base_url: 'http://127.0.0.1:9'}\nmessages: [1]\n"
        "receivers: [{name: crm, webhook: 'http://127.0.0.1:9/x'}, {name: far, webhook: 'http://nobody.invalid/x'}]\n"
        "database: sqlite:///bridge.db\nhttp: off\n"
    )
    calls = ["test crm", "test far", "check -c nowhere.yaml", "secret new -o none/x"]
    languages = [{"LC_ALL": "C.UTF-8"}, {"LC_ALL": locale, "LANGUAGE": locale[:2], "LOCPATH": os.environ["LOCPATH"]}]
    said = [[shown(tmp_path, call, language) for call in calls] for language in languages]
    assert said[0] == said[1]
    assert [code for code, _ in said[0]] == [1, 1, 78, 1]
    assert "refuses connections" in said[0][0][1]
    assert "cannot be resolved" in said[0][1][1]


def shown(folder: Path, call: str, language: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "bridge", *call.split()],
        cwd=folder,
        env=environment(language),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # How long it took is another time another.
    return done.returncode, "".join(each for each in done.stdout + done.stderr if not each.isdigit())
