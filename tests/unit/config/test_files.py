"""What is rather the name of a file than a secret."""

from __future__ import annotations

import pytest

from bridge.config.files import is_plain_name


@pytest.mark.parametrize(
    "name",
    [
        "nofile",
        "slack-bot-token",
        "/run/credentials/wbiz-bridge.service/slack-url",
        "../secrets/crm2.key",
        "Slack URL 3.txt",
    ],
)
def test_name_of_a_file_is_shown(name: str) -> None:
    assert is_plain_name(name)


@pytest.mark.parametrize(
    "text",
    [
        "xoxb-2345678901-abcDEFghi",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "https://hooks.slack.com/services/T0/B0/abc",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "correcthorsebattery",
        "aBcDeFgH",
        "p@ssword",
        "",
    ],
)
def test_what_may_be_a_secret_is_not(text: str) -> None:
    assert not is_plain_name(text)
