"""What commands show of a Slack bot: whose token it is, what would be posted, and never the token."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from bridge.simulator.api import Simulator
from bridge.simulator.faulty_server import Answer
from bridge.simulator.slack import TOKEN, Slack
from tests.world.config import bridge_config
from tests.world.daemon import command, write_config
from tests.world.slack import bot

if TYPE_CHECKING:
    from pathlib import Path


def test_check_online_names_workspace_and_bot_and_says_what_is_wrong(tmp_path: Path) -> None:
    with Simulator() as simulator, Slack() as slack:
        write_config(tmp_path, bridge_config(simulator, [bot(slack)], [1]))
        checked = command(tmp_path, "check", "--online")
        assert "Slack accepts the token of receiver team (workspace Acme, bot wbiz-bridge); " in checked.stdout
        assert "only `wbiz-bridge test team` tries the channel, #ops" in checked.stdout
        as_json = json.loads(command(tmp_path, "check", "--online", "--json").stdout)
        assert as_json["slack"] == {"team": "workspace Acme, bot wbiz-bridge"}
        app = slack.workspace.apps[TOKEN]
        app.scopes = frozenset({"incoming-webhook"})
        lacking = command(tmp_path, "check", "--online")
        app.fault = "token_revoked"
        revoked = command(tmp_path, "check", "--online")
        slack.answer_next("auth.test", "fatal_error")
        failing = command(tmp_path, "check", "--online")
    assert [lacking.returncode, revoked.returncode, failing.returncode] == [77, 77, 75]
    assert "receiver team: the Slack app lacks the scope chat:write (it has: incoming-webhook): add" in lacking.stderr
    assert "receiver team: Slack refuses the token: token_revoked: the token was revoked" in revoked.stderr
    assert "Slack does not answer as it should" in failing.stderr
    assert slack.posts == []
    for done in (checked, lacking, revoked, failing):
        assert TOKEN not in done.stdout + done.stderr


def test_render_shows_the_post_without_the_token_and_test_makes_one(tmp_path: Path) -> None:
    with Simulator() as simulator, Slack() as slack:
        write_config(tmp_path, bridge_config(simulator, [bot(slack)], [1]))
        rendered = command(tmp_path, "render", "failed", "--receiver", "team")
        assert slack.posts == []
        tested = command(tmp_path, "test", "team")
        (post,) = slack.posts
    lines = rendered.stdout.splitlines()
    assert lines[0] == f"POST {slack.api_url}/chat.postMessage"
    assert "authorization: bearer ***" in [line.lower() for line in lines]
    assert json.loads(lines[-1])["channel"] == "#ops"
    assert (tested.returncode, "TEST" in post.text) == (0, True)
    for done in (rendered, tested):
        assert TOKEN not in done.stdout + done.stderr


def test_test_says_in_short_what_came_of_it_and_what_to_do(tmp_path: Path) -> None:
    with Simulator() as simulator, Slack() as slack:
        write_config(tmp_path, bridge_config(simulator, [bot(slack)], [1]))
        taken = command(tmp_path, "test", "team").stdout
        slack.workspace.apps[TOKEN].scopes = frozenset({"incoming-webhook"})
        lacking = command(tmp_path, "test", "team").stdout.splitlines()[0]
        told = command(tmp_path, "check", "--online").stderr
        slack.workspace.apps[TOKEN].scopes = frozenset({"chat:write"})
        asked = b'{"ok":false,"error":"ratelimited"}'
        slack.answer_next("chat.postMessage", Answer.status(429, asked, retry_after="30"))
        limited = command(tmp_path, "test", "team").stdout
    assert re.fullmatch(r"team: delivered to #ops in Slack \(HTTP 200 in [0-9.]+ s\)\n", taken)
    advice = told.strip().removeprefix("wbiz-bridge: receiver team: ")
    assert lacking.startswith(f"team: failed: missing_scope: {advice} (")
    assert limited.startswith("team: failed: ratelimited: too many calls for Slack; try again in 30 s (HTTP 429 ")
