"""A stranger's tool reads the running daemon's own OpenAPI, asks what that allows and forbids, and finds nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge.domain.model import Status
from bridge.server.auth import Access
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Sink
from tests.integration.test_api_daemon import TOKEN, config
from tests.integration.test_web import address
from tests.world.api import Api
from tests.world.daemon import Daemon, environment, write_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.store.store import Store

pytestmark = [pytest.mark.peers, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]

EXAMPLES = 12
"""For each operation and phase. The seed is fixed, too: a run is the same as the one before."""

BY_DESIGN = {
    "use_after_free": "a message that is not watched any more keeps its history",
    "ensure_resource_availability": "the other way round: what was handed over may be another's by now",
}
"""Checks that ask for what this API does not promise, with the reason."""


@pytest.fixture
def schemathesis() -> str:
    found = Path(sys.executable).with_name("schemathesis")
    if not found.exists():
        pytest.skip("no schemathesis: pip install '.[peers]'")
    return str(found)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with Simulator() as simulator, Sink() as sink:
        for id_ in range(1, 21):
            simulator.account.put(id_, Status.FAILED if id_ % 2 else Status.PENDING, "Invalid phone number")
        settings = config(simulator, sink, messages=list(range(1, 21)))
        write_config(tmp_path, settings)
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            sink.wait_for(20)
            yield address(daemon)
            assert daemon.stop()[0] == 0
        assert "http_internal_error" not in daemon.log()


def test_description_is_valid_openapi(sqlite_store: Store) -> None:
    definitions = pytest.importorskip("schemathesis.specs.openapi.definitions", reason="pip install -e '.[peers]'")
    with Api(sqlite_store, Access(token=TOKEN)).running() as api:
        definitions.OPENAPI_31_VALIDATOR.validate(api.get("/openapi.json"))


def test_schemathesis_finds_nothing(url: str, schemathesis: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [
            *(schemathesis, "run", f"{url}/openapi.json", "--seed", "8", "--max-examples", str(EXAMPLES)),
            *("--header", f"Authorization: Bearer {TOKEN}", "--exclude-path", "/v1/events/stream"),
            *("--exclude-checks", ",".join(BY_DESIGN), "--request-timeout", "20", "--no-color"),
            *("--suppress-health-check", "all", "--generation-database", "none"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=380,
        cwd=tmp_path,
        env=environment({"SCHEMATHESIS_HOOKS": "tests.world.schemathesis_tables", "PYTHONPATH": str(ROOT)}),
    )
    assert ran.returncode == 0, ran.stdout[-60000:] + ran.stderr[-2000:]
    assert "Stateful" in ran.stdout
