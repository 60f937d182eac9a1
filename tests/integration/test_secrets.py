"""No secret leaves the bridge but to where it belongs, whatever fails.

Every secret of the configuration is marked, receivers and the API echo what they were sent, and everything that the
bridge writes or shows is searched for the marks.
"""

from __future__ import annotations

import base64
import json
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest
import requests

from bridge.domain.clock import SystemClock
from bridge.domain.model import Status
from bridge.simulator.account import Account
from bridge.simulator.api import Simulator
from bridge.simulator.sink import Answer, Recorded, Sink
from tests.world.daemon import Daemon, command, write_config
from tests.world.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

pytestmark = pytest.mark.slow

API_KEY = "marked-api-key-8f3a/with+signs"
SLACK = "marked-slack-T012-B345"
BOT = "xoxb-marked-bot-token-99aa"
TOKEN = "marked-token-in-a-query"
BEARER = "marked-bearer-77aa"
PING = "marked-heartbeat-0f55"
HTTP_TOKEN = "marked-http-token-5c1d"
SIGNING = base64.b64encode(b"marked-signing-secret-of-32-byte").decode()
SECRETS = (API_KEY, SLACK, BOT, TOKEN, BEARER, PING, HTTP_TOKEN, SIGNING)
MARKS = (*SECRETS, "marked-", quote(API_KEY, safe=""), json.dumps(API_KEY)[1:-1])

LISTINGS = (
    *("status --json", "messages --json", "events --json", "deliveries --json", "check --json"),
    *("status", "messages", "events", "deliveries", "deliveries retry 1 --json"),
)
OUTCOMES: Mapping[str, Callable[[Recorded], Answer]] = {
    "taken": lambda record: Answer.ok(echo(record)),
    "refused": lambda record: Answer.status(404, echo(record)),
    "gone": lambda record: Answer.status(410, echo(record)),
    "failing": lambda record: Answer.status(500, echo(record)),
    "throttling": lambda record: Answer.status(429, echo(record), retry_after="60"),
    "moved": lambda record: Answer.redirect(f"http://127.0.0.1:9{record.path}"),
    "cutting": lambda record: Answer.cut_body(echo(record)),
    "hanging": lambda _: Answer.hang(),
}
"""Each is a webhook, a Slack receiver and a Slack bot of its own, and how they answer."""


def echo(record: Recorded) -> bytes:
    """Say everything back, as careless servers do on their error pages: address and headers, whole and in parts."""
    url = f"http://{record.headers['host']}{record.path}"
    wrong = f"no such token: {TOKEN} {SLACK} {BOT} {BEARER} {SIGNING}"
    said = {"url": url, "path": record.path, "headers": dict(record.headers), "error": wrong}
    return json.dumps(said).encode() + quote(url, safe="").encode()


def answer(record: Recorded) -> Answer:
    """Answer as the receiver's name says, which is the last part of its path or query."""
    name = next(name for name in OUTCOMES if name in record.path)
    return OUTCOMES[name](record)


def api_that_echoes(record: Recorded) -> Answer:
    """Refuse the credentials and repeat them, as some APIs do."""
    key = json.loads(record.body)["api_key"]
    return Answer.status(403, json.dumps({"status": 0, "message": f"Auth Error: no such key: {key}"}).encode())


@pytest.fixture
def written(tmp_path: Path) -> dict[str, str]:
    """Let everything fail that can, and gather what the bridge wrote and showed, by where."""
    folder = tmp_path
    found = {}
    with Simulator(Account(SystemClock(), api_key=API_KEY)) as simulator, Sink(answer) as sink:
        simulator.account.put(1)
        simulator.account.put(2)
        settings = config(simulator, sink)
        write_config(folder, settings)
        names = [receiver["name"] for receiver in settings["receivers"]]
        with Daemon(folder, cold=True) as daemon:
            daemon.wait_until_ready()
            found["the daemon's arguments"] = Path(f"/proc/{daemon.process.pid}/cmdline").read_text()
            until(lambda: "the heartbeat" in daemon.log())
            simulator.account.put(1, Status.FAILED, f"the key {API_KEY} may not send")
            until(lambda: all(f'"receiver": "{name}", "delivery"' in daemon.log() for name in names))
            found |= asked(daemon)
            refuse_a_reload(folder, daemon, settings)
            found |= asked(daemon)
            found |= files(folder)  # with what SQLite has not yet put from its log into the database
            assert daemon.stop()[0] == 0
        found["the log"] = daemon.log()
        found |= shown(folder, "render failed --receiver bot-taken", "render failed --receiver bot-taken --json")
        tested = ("webhook-taken", "webhook-refused", "slack-gone", "bot-refused", "webhook-cutting")
        found |= shown(folder, *(f"test {name}" for name in tested))
        with Sink(api_that_echoes) as echoing:
            path = urlsplit(simulator.base_url).path  # on the same account: only the port is another
            settings["wbiztool"]["base_url"] = urlsplit(echoing.url)._replace(path=path).geturl()
            del settings["receivers"][6:]  # the others' turn to fail has been
            write_config(folder, settings)
            found |= shown(folder, "check --online", "poll", *LISTINGS)
    return found | files(folder)


def test_after_every_failure_a_secret_stands_nowhere(written: dict[str, str]) -> None:
    assert_everything_was_tried_and_failed_as_it_should(written)
    found = {mark: [where for where, text in written.items() if mark in text] for mark in MARKS}
    assert found == {mark: [] for mark in MARKS}


def assert_everything_was_tried_and_failed_as_it_should(written: dict[str, str]) -> None:
    for words in ("HTTP 404", "HTTP 410", "HTTP 500", "HTTP 429", "redirects to", "cut its answer", "no whole answer"):
        assert words in written["the log"]
    assert "Auth Error" in written["poll"]
    assert "Auth Error" in written["check --online"]
    assert "source.down" in written["events --json"]
    assert "receiver.down" in written["events --json"]
    assert "***" in written["deliveries --json"]
    assert "the heartbeat" in written["the log"]
    assert "config_reload_refused" in written["the log"]
    assert 'wbiz_bridge_delivery_attempts_total{outcome="refused",receiver="webhook-gone"}' in written["/metrics"]
    assert not json.loads(written["/health"])["checks"]["configuration"]["ok"]
    assert json.loads(written["a change without the token"])["status"] == 401
    assert "may not send" in written["messages --json"]
    assert "may not send" in written["/messages/1"]
    assert "receiver webhook-gone has been failing" in written["/"].lower()
    assert any(name.startswith("bridge.db-wal") for name in written)


def shown(folder: Path, *lines: str) -> dict[str, str]:
    """Run commands and say what they print, on either stream."""
    done = {line: command(folder, *line.split()) for line in lines}
    return {line: each.stdout + each.stderr for line, each in done.items()}


def asked(daemon: Daemon) -> dict[str, str]:
    """Say what the daemon answers over HTTP."""
    found = {}
    (address,) = set(re.findall(r'"http": "(http://[^"]+)"', daemon.log()))
    with requests.Session() as session:
        session.trust_env = False
        for path in ("/metrics", "/health", "/healthz", "/nothing", "/", "/messages/1", "/deliveries?state=dead"):
            headers = {"Authorization": f"Bearer {HTTP_TOKEN}"}
            found[path] = session.get(f"{address}{path}", headers=headers, timeout=5).text
            found[f"{path} without the token"] = session.get(f"{address}{path}", timeout=5).text
        found["a change without the token"] = session.post(f"{address}/v1/deliveries/retry", timeout=5).text
    return found


def refuse_a_reload(folder: Path, daemon: Daemon, settings: dict[str, Any]) -> None:
    """Spoil the configuration, beside secrets and in them, and let the daemon see it."""
    wrong = {**settings, "wbiztool": {**settings["wbiztool"], "api_key": f"{API_KEY}\n{API_KEY}"}}
    wrong["receivers"] = [{**settings["receivers"][0], "secret": f"whsec_{SIGNING}!"}]
    write_config(folder, wrong)
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: "config_reload_refused" in daemon.log())
    write_config(folder, settings)


def files(folder: Path) -> dict[str, str]:
    return {file.name: file.read_bytes().decode("latin-1") for file in folder.glob("bridge.db*") if file.is_file()}


def config(simulator: Simulator, sink: Sink) -> dict[str, Any]:
    receivers: list[dict[str, Any]] = []
    for name in OUTCOMES:
        receivers += [
            {
                "name": f"webhook-{name}",
                "webhook": f"{sink.url}/{name}?token={TOKEN}",
                "secret": f"whsec_{SIGNING}",
                "headers": {"Authorization": f"Bearer {BEARER}"},
                "events": ["failed", "source.*"],
                "timeout": "300ms",
                "settle": "1s",
            },
            {
                "name": f"slack-{name}",
                "slack": f"{sink.url}/{name}/{SLACK}",
                "group": {"wait": "0s"},
                "events": ["failed", "source.*"],
                "timeout": "300ms",
                "settle": "1s",
            },
            {
                "name": f"bot-{name}",
                "slack": {"token": BOT, "channel": "#ops", "api_url": f"{sink.url}/{name}"},
                "group": {"wait": "0s"},
                "events": ["failed", "source.*"],
                "timeout": "300ms",
                "settle": "1s",
            },
        ]
    # Who is told of every receiver that fails: else all of them would wait for each other's time-outs.
    receivers[0]["events"] = ["*"]
    return {
        "wbiztool": {"client_id": simulator.client_id, "api_key": API_KEY, "base_url": simulator.base_url},
        "poll": {"every": "500ms", "attempts": 1},
        "messages": [1, 2],
        "database": "sqlite:///bridge.db",
        "receivers": receivers,
        "log": {"level": "debug"},
        "http": {"listen": "127.0.0.1:0", "token": HTTP_TOKEN},
        "heartbeat": {"url": f"{sink.url}/refused?token={PING}", "every": "1s"},
    }


@pytest.mark.parametrize("key", ["database", "database_file"])
def test_tail_of_a_password_with_an_at_is_shown_nowhere(tmp_path: Path, key: str) -> None:
    """libpq takes what is after the first @ for a host, which logs, `status` and `move` showed."""
    url = "postgresql://pw:hunter2@Sup3r@host.example/db"
    (tmp_path / "url").write_text(url)
    receivers = [{"name": "crm", "webhook": "http://127.0.0.1:9/"}]
    settings = {"wbiztool": {"client_id": 1, "api_key": API_KEY}, "messages": [1], "receivers": receivers}
    write_config(tmp_path, {**settings, key: url if key == "database" else "url"})
    for arguments in (["check", "--json"], ["status", "--json"], ["run"]):
        done = command(tmp_path, *arguments)
        assert (done.returncode, f": {key}: not a usable database: write %40 for an @" in done.stderr) == (78, True)
        assert not re.search("hunter2|Sup3r|host.example", done.stdout + done.stderr)
    write_config(tmp_path, {**settings, "database": "sqlite:///bridge.db"})
    assert command(tmp_path, "watch", "1").returncode == 0
    for extra in (["--to", url], []):
        moved = command(tmp_path, "move", *extra, extra={"WBIZ_BRIDGE_MOVE_TO": url})
        assert (moved.returncode, "write %40 for an @" in moved.stderr) == (2, True)
        assert not re.search("hunter2|Sup3r|host.example", moved.stdout + moved.stderr)
