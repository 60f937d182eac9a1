"""Whatever the bridge takes as its configuration, the schema allows; and it knows each key of the models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
import yaml

from bridge.config.descriptions import DESCRIPTIONS
from bridge.config.json_schema import config_schema
from bridge.receivers.base_config import ReceiverConfig
from tests.unit.config.test_example import ALTERNATIVES, EXAMPLE, README, uncommented

if TYPE_CHECKING:
    from tests.unit.config.world import Folder

ROOT = Path(__file__).parents[3]
SCHEMA = config_schema()
DEFINED: dict[str, Any] = SCHEMA["$defs"]
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)
ACCOUNT = "wbiztool:\n  client_id: 1\n  api_key: some-api-key\n"
RECEIVER = "receivers:\n  - webhook: https://a.example/\n"
SLACK = "https://hooks.slack.com/services/T/B/x"
PLACES = {
    "": ACCOUNT + RECEIVER,
    "WbizToolConfig": f"{RECEIVER}{ACCOUNT}  ",
    **{f"{name.title()}Config": f"{ACCOUNT}{RECEIVER}{name}:\n  " for name in ("poll", "discover", "numbers", "http")},
    **{f"{name.title()}Config": f"{ACCOUNT}{RECEIVER}{name}:\n  " for name in ("log", "heartbeat")},
    "WebhookReceiverConfig": f"{ACCOUNT}{RECEIVER}    ",
    "SlackReceiverConfig": f"{ACCOUNT}receivers:\n  - slack: {SLACK}\n    ",
    "SlackBotReceiverConfig": f"{ACCOUNT}receivers:\n  - slack: {{token: xoxb-1-2-abc, channel: '#ops'}}\n    ",
    "SlackBotConfig": f"{ACCOUNT}receivers:\n  - slack:\n      token: xoxb-1-2-abc\n      channel: C012AB3CD\n      ",
    "AppriseReceiverConfig": f"{ACCOUNT}receivers:\n  - apprise: json://localhost\n    ",
    "CommandReceiverConfig": f"{ACCOUNT}receivers:\n  - command: [/bin/true]\n    ",
    "MatchConfig": f"{ACCOUNT}{RECEIVER}    match:\n      ",
    "ConditionsConfig": f"{ACCOUNT}{RECEIVER}    match:\n      not:\n        ",
    "Batch": f"{ACCOUNT}{RECEIVER}    batch:\n      ",
    "Group": f"{ACCOUNT}receivers:\n  - slack: {SLACK}\n    group:\n      ",
    "MentionConfig": f"{ACCOUNT}receivers:\n  - slack: {SLACK}\n    mention:\n      who: '@here'\n      ",
    "TlsConfig": f"{ACCOUNT}{RECEIVER}    tls:\n      ",
    "IntervalConfig": f"{ACCOUNT}{RECEIVER}poll:\n  intervals:\n    - ",
    "AlertConfig": f"{ACCOUNT}{RECEIVER}alerts:\n  - failing: 5%\n    ",
    "message": f"{ACCOUNT}{RECEIVER}messages:\n  - id: 5\n    ",
    "id": f"{ACCOUNT}{RECEIVER}messages:\n  - ",
    "include": f"{ACCOUNT}{RECEIVER}messages:\n  - ",
}
"""Where the keys of each mapping are written: a configuration, up to where a line of it can follow."""

VALUES = """
5 | 0 | -5 | '5' | +5 | 0017 | 1.5 | 1_000 | 12:30 | 2026-12-24 | x | '' | ' x ' | ~ | 0123456789abcdef
on | Off | yes | NO | true | 'on' | 'off' | 5s | ' 1.5 h ' | 10d | 250ms | 90 | 1/s | 20 / m | 9/x
https://a.example/b | http://127.0.0.1:9/x | socks5h://user:pw@a.example:1080 | tgram://123456789:AA/5 | '[::1]:0'
https://hooks.slack.com/services/T/B/x | https://hooks.slack.com/triggers/T/5/x | 127.0.0.1:8095 | ids.txt
[] | [failed] | ['*', source.up] | [message.sent, '${V}'] | failed | [type] | [error, type] | {} | {a: b}
{team: [a, 5], b: on} | {team: billing} | {label: 'x*', not: {status: failed}} | {not: {tags: {a: b}}} | {verify: off}
2xx | 204 | [2xx, 409] | 302 a.example | debug | json | standard | cloudevents | workflow | message | text/plain
'{{ event.type }}' | {text: '{{ summary }}', n: 5, l: [on, ~]} | '(?i)no' | application/json | {Authorization: Bearer x}
'@here' | U012AB3CD | ['@channel', S012AB3CD] | {who: '@here', events: [failed]} | /bin/true | [/bin/true, x]
{wait: 5s, max: 5} | {max: 5, wait: 1s} | [{every: 5s, until: 1h}, {every: 1m}] | [{every: 1m}] | ['${V:-failed}']
'2026-12-24T09:00+05:30' | 2026-12-24T09:00Z | {X-A: 5, X-B: '{{ event.id }}'} | [include: ids.txt] | [{id: '${V}'}] | sqlite:////tmp/x.db
postgresql://u@a.example/x | ${V} | '${V}s' | ${NONE:-30s} | [5, '6', +7, {id: 8, label: 5, tags: {a: on}}]
20% | '0.5 %' | 0% | 15m | tags.team | tags. | [{failing: 20%, by: tags.team}, {failing: 5%}]
whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw | [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw] | secret.txt
xoxb-1-2-abc | '#ops' | C012AB3CD | {token: xoxb-1-2-abc, channel: '#ops'} | {token_file: bot.txt, channel: D012AB3CD}
""".replace("\n", " | ")
"""Values that are right in one place or another, and some that are right in none."""


class Yaml12(yaml.SafeLoader):
    """YAML 1.2, which editors read: ``on`` is text, and so is a date."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 -- as PyYAML has it


class Yaml11(yaml.SafeLoader):
    """YAML 1.1, which some read: ``on`` is a boolean. Dates are text, as JSON has no others."""


for tag, pattern, first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"(?:{pattern})\Z"), [*first, ""])
Yaml11.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)


def marked(text: str) -> list[str]:
    """List what an editor marks, whichever version of YAML it reads."""
    documents = (yaml.load(text, Yaml12), yaml.load(text, Yaml11))
    found = [error for document in documents for error in VALIDATOR.iter_errors(document)]
    return [f"{error.instance_path}: {error.message}" for error in found]


def test_schema_is_valid() -> None:
    assert jsonschema_rs.meta.is_valid(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_example_is_allowed() -> None:
    assert marked(EXAMPLE) == []


@pytest.mark.parametrize("line", ALTERNATIVES)
def test_what_is_commented_out_in_the_example_is_allowed(line: str) -> None:
    assert marked(uncommented(line)) == []


def test_samples_of_the_documentation_are_allowed() -> None:
    found = 0
    for page in (ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("systemd/*.md")):
        for sample in re.findall(
            r"^ *```yaml\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        ):
            if not yaml.load(sample, Yaml12).keys() & SCHEMA["properties"].keys():
                continue  # Prometheus's configuration
            found += 1
            account = "" if "wbiztool:" in sample else ACCOUNT
            receiver = "" if "receivers:" in sample else RECEIVER
            assert marked(account + receiver + sample) == [], page
    assert found >= 10


def test_configuration_of_a_new_service_is_allowed() -> None:
    text = (ROOT / "bridge/cli/service/config.yaml").read_text(encoding="utf-8")
    assert marked(text.replace("CLIENT_ID", "123")) == []


def test_ten_lines_of_the_readme_are_allowed() -> None:
    assert marked(README.partition("   ```yaml\n")[2].partition("   ```")[0]) == []


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_whatever_the_bridge_takes_is_allowed(folder: Folder, place: str) -> None:
    """Each key of a mapping with each value: where `check` finds nothing, no editor marks anything."""
    folder.write("x\n", "secret.txt")
    folder.write("xoxb-1-2-abc", "bot.txt")
    folder.write("77\n", "ids.txt")
    environ = {"V": "5", "STATE_DIRECTORY": str(folder.path)}
    taken, wrong = 0, {}
    for key in _keys(place):
        for value in filter(None, VALUES.split(" | ")):
            text = f"{PLACES[place]}{key}{': ' if key else ''}{value}\n"
            if folder.faults(text.encode(), environ):
                continue
            taken += 1
            if found := marked(text):
                wrong[f"{key}: {value}"] = found
    assert wrong == {}
    assert taken >= 1


def _keys(place: str) -> list[str]:
    """List the keys of a mapping; those of all receivers are looked at with one of them."""
    if place == "id":
        return [""]
    of_one_kind = {"SlackReceiverConfig", "SlackBotReceiverConfig", "AppriseReceiverConfig"}
    common = ReceiverConfig.model_fields if place in of_one_kind else ()
    return [key for key in (DEFINED[place] if place else SCHEMA)["properties"] if key not in common]


@pytest.mark.parametrize("place", PLACES)
def test_unknown_key_is_marked(place: str) -> None:
    if place != "id":
        assert marked(f"{PLACES[place]}wibble: 5\n")


@pytest.mark.parametrize(
    "text",
    [
        RECEIVER,
        ACCOUNT,
        f"{ACCOUNT}receivers: []\n",
        f"{ACCOUNT}  api_key_file: x\n{RECEIVER}",
        f"{ACCOUNT}{RECEIVER}    slack: https://hooks.slack.com/services/T/B/x\n",
        f"{ACCOUNT}receivers: [{{slack: {{channel: '#ops'}}}}]\n",
        f"{ACCOUNT}receivers: [{{slack: {{token: xoxb-1-2-abc, token_file: x, channel: '#ops'}}}}]\n",
        f"{ACCOUNT}{RECEIVER}    events: failed\n",
        f"{ACCOUNT}{RECEIVER}    events: [faild]\n",
        f"{ACCOUNT}{RECEIVER}    concurrency: 5000\n",
        f"{ACCOUNT}{RECEIVER}messages:\n  -12345\n",
        f"{ACCOUNT}{RECEIVER}messages: [{{label: x}}]\n",
        f"{ACCOUNT}{RECEIVER}messages: [{{include: x, id: 5}}]\n",
        f"{ACCOUNT}{RECEIVER}poll: {{every: 5}}\n",
        f"{ACCOUNT}{RECEIVER}poll: {{stuck_after: on}}\n",
        f"{ACCOUNT}{RECEIVER}discover: {{report: maybe}}\n",
        f"{ACCOUNT}{RECEIVER}http: on\n",
        f"{ACCOUNT}{RECEIVER}log: {{level: loud}}\n",
        f"{ACCOUNT}{RECEIVER}alerts: [{{failing: 20}}]\n",
        f"{ACCOUNT}{RECEIVER}alerts: [{{failing: 20%, by: team}}]\n",
    ],
)
def test_mistake_is_marked(text: str) -> None:
    assert marked(text)


def test_each_key_is_described_as_in_the_reference() -> None:
    """The words of docs/configuration.md, without its links: where a row is about one key."""
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    compared = 0
    for section, table in re.findall(r"^##+ (.+?)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL):
        name = {"The rest": ""}.get(section, section)
        for cells in re.findall(r"^\| `([a-z_]+)` \|(.+)\|$", table, re.MULTILINE) if name in DESCRIPTIONS else ():
            key, columns = cells[0], re.split(r"\s*\|\s*", cells[1].strip())
            kind = f"{columns[0].lower()}.{key}"
            described = DESCRIPTIONS[name].get(kind) or DESCRIPTIONS[name].get(key)
            assert re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", columns[-1]) == described, (section, key)
            compared += 1
    assert compared > 50


def test_no_description_is_of_a_key_that_is_gone() -> None:
    known = {name: set(DEFINED[name]["properties"]) for name in DEFINED if "properties" in DEFINED[name]}
    keys = {key for properties in (SCHEMA["properties"], *known.values()) for key in properties}
    assert {key.rpartition(".")[2] for described in DESCRIPTIONS.values() for key in described} <= keys
