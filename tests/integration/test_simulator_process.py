"""The simulator and the sink as processes of their own, driven from here."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = {"client_id": 12, "api_key": "a-key-of-ones-own"}


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.trust_env = False
        yield made


@contextmanager
def running(module: str, *arguments: str, end: signal.Signals = signal.SIGTERM) -> Iterator[dict[str, Any]]:
    """Run a module until the block ends; then it must end cleanly, and have nothing to say on its standard error."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
            process.send_signal(end)
            _, errors = process.communicate(timeout=10)
            assert (process.returncode, errors) == (0, "")
        finally:
            process.kill()


def simulator(*arguments: str, end: signal.Signals = signal.SIGTERM) -> Any:
    keys = ("--client-id", str(KEYS["client_id"]), "--api-key", str(KEYS["api_key"]))
    return running("bridge.simulator", *keys, *arguments, end=end)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_the_simulator_serves_until_it_is_told_to_end(session: requests.Session, end: signal.Signals) -> None:
    with simulator("--messages", "3", "--life", "0", end=end) as told:
        codes = [_status(session, told["base_url"], id_)["status"] for id_ in (5001, 5002, 5003)]
        assert all(codes), "a life of no length is over"
        assert _status(session, told["base_url"], 5004)["message"] == "Unknown message id"


@pytest.mark.slow
def test_the_same_seed_makes_the_same_lives(session: requests.Session) -> None:
    seen = []
    for _ in range(2):
        with simulator("--messages", "20", "--life", "0", "--seed", "5") as told:
            seen.append([_status(session, told["base_url"], id_)["status"] for id_ in range(5001, 5021)])
    assert seen[0] == seen[1]


def test_a_simulator_is_driven_from_outside(session: requests.Session) -> None:
    with simulator() as told:
        control = told["base_url"].replace("/api/v1", "/_control")

        def tell(what: str, body: object = None) -> int:
            return session.post(f"{control}/{what}", json=body, timeout=5).status_code

        assert tell("messages", [{"id": 7}, {"id": 8, "script": [[3600, "sent", None]]}]) == 200
        assert tell("messages", [{"id": 7, "status": "failed", "error": "Invalid phone number"}]) == 200
        assert _status(session, told["base_url"], 7)["error"] == "Invalid phone number"
        assert tell("faults", {"fault": "SERVER_ERROR", "message_id": 8}) == 200
        assert _post(session, told["base_url"], "/message/status/8/").status_code == 500
        assert tell("fix") == 200
        assert _status(session, told["base_url"], 8)["status"] == 0
        assert tell("numbers", {"id": 1, "connected": False}) == 200
        numbers = _post(session, told["base_url"], "/whatsapp/accounts/").json()["whatsapp_clients"]
        assert numbers[0]["status"] == "not_connected"

        calls = session.get(f"{control}/calls", timeout=5).json()
        assert calls == {"calls": {"/message/status/": 3, "/whatsapp/accounts/": 1}, "polls": {"7": 1, "8": 2}}
        history = session.get(f"{control}/history", timeout=5).json()
        assert [step["status"] for step in history["7"]] == ["pending", "failed"]
        assert [step["status"] for step in history["8"]] == ["pending"]


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("messages", [{"id": 7, "status": "lost"}]),
        ("messages", [{"colour": "blue"}]),
        ("messages", 7),
        ("faults", {"fault": "NO_SUCH"}),
        ("faults", []),
        ("numbers", {}),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(session: requests.Session, what: str, body: object) -> None:
    with simulator() as told:
        control = told["base_url"].replace("/api/v1", "/_control")
        answer = session.post(f"{control}/{what}", json=body, timeout=5)
        assert answer.status_code == 400
        assert answer.json()["error"]
        assert session.post(f"{control}/nothing", json={}, timeout=5).status_code == 404


def test_a_sink_logs_each_webhook_before_it_answers(session: requests.Session, tmp_path: Path) -> None:
    log = tmp_path / "hooks.jsonl"
    log.write_text('{"sequence": 0}\n')
    headers = {"Webhook-Id": "evt_1", "Authorization": "Bearer a-secret-of-ours"}
    with running("bridge.simulator.sink_process", "--log", str(log)) as told:
        assert session.post(told["url"], data="Grüße".encode(), headers=headers, timeout=5).status_code == 200
        earlier, line = [json.loads(text) for text in log.read_text(encoding="utf-8").splitlines()]
    assert earlier == {"sequence": 0}
    assert (line["sequence"], line["webhook-id"], line["body"], line["answer"]) == (1, "evt_1", "Grüße", "200")
    assert "a-secret-of-ours" not in log.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_sink_misbehaves_as_often_as_it_is_told_and_logs_how(session: requests.Session, tmp_path: Path) -> None:
    log = tmp_path / "hooks.jsonl"
    with running("bridge.simulator.sink_process", "--log", str(log), "--fault-share", "0.5", "--seed", "1") as told:
        seen = [_outcome(session, told["url"]) for _ in range(40)]
    logged = [json.loads(text)["answer"] for text in log.read_text(encoding="utf-8").splitlines()]
    assert logged == seen
    assert set(logged) == {"200", "503", "cut", "time-out"}


def _outcome(session: requests.Session, url: str) -> str:
    try:
        return str(session.post(url, data=b"{}", timeout=0.5).status_code)
    except requests.Timeout:
        return "time-out"
    except requests.ConnectionError:
        return "cut"


def _status(session: requests.Session, base_url: str, message_id: int) -> Any:
    return _post(session, base_url, f"/message/status/{message_id}/").json()


def _post(session: requests.Session, base_url: str, path: str) -> requests.Response:
    return session.post(f"{base_url}{path}", json=KEYS, timeout=5)
