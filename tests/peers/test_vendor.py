"""The vendor's own examples and its Node client, against the simulator: what works there works here.

The examples are those of https://wbiztool.com/docs/message-status-api, with only the address and the credentials
replaced; the client is npm's `wbiztool-client`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from bridge.domain.model import Status
from bridge.simulator.sink import Sink
from tests.integration.test_web import address
from tests.world.config import bridge_config
from tests.world.daemon import Daemon, write_config
from tests.world.printed import block
from tests.world.programs import find, find_module, foreign
from tests.world.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.simulator.api import Simulator

pytestmark = pytest.mark.peers

CURL = """curl -X POST https://wbiztool.com/api/v1/message/status/12345/  -d '{
    "client_id": "client_id",
    "api_key": "api_key"
}'"""
PYTHON = """import requests

# Message ID received from Send Message API
message_id = 12345

data = {
    "client_id": "client_id",
    "api_key": "api_key"
}

url = f'https://wbiztool.com/api/v1/message/status/{message_id}/'
response = requests.post(url, data=data)
result = response.json()

print(f"Status Code: {result['status']}")
print(f"Status Text: {result['status_text']}")
print(f"Message: {result['message']}")

if 'error' in result:
    print(f"Error: {result['error']}")
"""
NODE = """const request = require('request');

// Message ID received from Send Message API
const messageId = 12345;

const data = {
  client_id: "client_id",
  api_key: "api_key"
};

const options = {
  url: `https://wbiztool.com/api/v1/message/status/${messageId}/`,
  method: 'POST',
  form: data
};

request(options, function (error, response, body) {
  console.log(body);
});
"""
TOKEN = "a-token-for-the-api-0123456789"
FAILED = {"status": 2, "status_text": "Failed", "message": "connected", "error": "Invalid phone number"}


def ran(folder: Path, *command: str, **environment: str) -> str:
    """Run a program to its end and return what it printed."""
    done = subprocess.run(
        command, cwd=folder, env=foreign(environment), capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def for_us(example: str, simulator: Simulator) -> str:
    """Put the simulator's address and credentials into an example, and change nothing else."""
    here = example.replace("https://wbiztool.com/api/v1", simulator.base_url)
    return here.replace('"client_id"', f'"{simulator.client_id}"').replace('"api_key"', f'"{simulator.api_key}"')


def names_back(example: str, simulator: Simulator) -> str:
    """Give the keys in JSON and Python, which are spelled like the values, their names back."""
    text = for_us(example, simulator)
    return text.replace(f'"{simulator.client_id}":', '"client_id":').replace(f'"{simulator.api_key}":', '"api_key":')


@pytest.fixture(autouse=True)
def failed(simulator: Simulator) -> None:
    simulator.account.put(12345, Status.FAILED, "Invalid phone number")


def test_curl_example_without_a_content_type_works(simulator: Simulator, tmp_path: Path) -> None:
    """Curl then says that the JSON is a form; the simulator answered "Auth Error" (issue 17, 1)."""
    find("curl")
    assert json.loads(ran(tmp_path, "sh", "-c", names_back(CURL, simulator))) == FAILED


def test_python_example_works(simulator: Simulator, tmp_path: Path) -> None:
    said = ran(tmp_path, sys.executable, "-c", names_back(PYTHON, simulator))
    assert said.splitlines() == [
        *("Status Code: 2", "Status Text: Failed", "Message: connected", "Error: Invalid phone number"),
    ]


def test_node_example_works(simulator: Simulator, tmp_path: Path) -> None:
    find_module("request")
    said = ran(tmp_path, find("node"), "--no-deprecation", "-e", for_us(NODE, simulator))
    assert json.loads(said) == FAILED


class Client:
    """The vendor's Node client; each call is a process of its own."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        find_module("wbiztool-client")
        self._folder = folder
        self._environment = {
            "WBIZTOOL_CLIENT_ID": str(simulator.client_id),
            "WBIZTOOL_API_KEY": simulator.api_key,
            "WBIZTOOL_WHATSAPP_CLIENT": "1",
        }
        self._base_url = simulator.base_url

    def call(self, method: str, options: Any, then: str = "") -> Any:
        text = f"""
        const {{ WbizToolClient }} = require('wbiztool-client');
        const client = new WbizToolClient({{ baseUrl: {json.dumps(self._base_url)} }});
        (async () => {{
          const sent = await client.{method}({json.dumps(options)});
          {then}
          console.log(JSON.stringify(sent));
        }})().catch((error) => {{ console.error(error); process.exit(1); }});
        """
        return json.loads(ran(self._folder, find("node"), "-e", text, **self._environment, WBIZ_BRIDGE_TOKEN=TOKEN))


MESSAGE = {"phone": "919876543210", "countryCode": "91", "message": "Grüße 🌞"}


def test_node_client_sends_schedules_and_cancels(simulator: Simulator, tmp_path: Path) -> None:
    client = Client(tmp_path, simulator)
    (tmp_path / "invoice.pdf").write_bytes(b"%PDF-\x00\xff")
    sent = [
        client.call("sendMessage", MESSAGE | {"expireAfterSeconds": 3600, "webhook": "https://example.com/hook"}),
        client.call("sendMessageWithImage", MESSAGE | {"imageUrl": "https://example.com/a.png"}),
        client.call("sendMessageWithFile", MESSAGE | {"filePath": "invoice.pdf"}),
        client.call("scheduleMessage", MESSAGE | {"scheduleTime": "2099-12-24T09:00:00.000Z"}),
    ]
    assert [(each["status"], each["message"]) for each in sent] == [(1, "Created")] * 4
    kept = {message.id: message for message in simulator.account.messages()}
    assert {(kept[each["msg_id"]].phone, kept[each["msg_id"]].text) for each in sent} == {
        ("919876543210", "Grüße 🌞"),
    }
    scheduled = sent[-1]["msg_id"]
    assert simulator.account.status(scheduled) == (Status.PENDING, None)
    assert client.call("cancelMessage", scheduled) == {"message": "Cancelled", "status": 1}
    assert simulator.account.status(scheduled) == (Status.CANCELLED, None)


def test_node_client_s_messages_are_watched(simulator: Simulator, tmp_path: Path) -> None:
    """The whole way: sent by the client, handed over as docs/api.md prints, polled, told."""
    with Sink() as sink:
        http = {"listen": "127.0.0.1:0", "token": TOKEN}
        write_config(tmp_path, bridge_config(simulator, sink, poll={"every": "250ms"}, http=http))
        with Daemon(tmp_path) as daemon:
            daemon.wait_until_ready()
            printed = block("docs/api.md", "## Hand over a message the moment it is sent", "js")
            printed = printed.replace("http://127.0.0.1:8095", address(daemon))
            ids = {
                Client(tmp_path, simulator).call(method, MESSAGE | more, printed)["msg_id"]
                for method, more in (("sendMessage", {}), ("scheduleMessage", {"scheduleTime": "2099-12-24T09:00:00Z"}))
            }
            until(lambda: {event["data"]["message_id"] for event in map(_json, sink.records())} >= ids)
        events = [_json(record) for record in sink.records()]
    assert {event["data"]["label"] for event in events if event["data"]["message_id"] in ids} == {"Invoice 88"}


def _json(record: Any) -> Any:
    return json.loads(record.body)
