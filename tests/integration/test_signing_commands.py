"""``secret new``, ``secret public`` and ``schema events``, as somebody uses them who sets a receiver up."""

from __future__ import annotations

import base64
import json
import stat
from typing import TYPE_CHECKING

import nacl.signing
import pytest
from standardwebhooks.webhooks import Webhook

from tests.world.daemon import command

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_secret_is_the_only_thing_on_the_standard_output_and_another_each_time(tmp_path: Path) -> None:
    one, other = (command(tmp_path, "secret", "new") for _ in range(2))
    assert (one.returncode, other.returncode) == (0, 0)
    (secret,) = one.stdout.splitlines()
    assert one.stdout != other.stdout
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    Webhook(secret)
    assert "secret_file: FILE" in one.stderr
    assert secret not in one.stderr


def test_a_key_pair_is_written_for_its_owner_alone_and_its_public_half_is_shown(tmp_path: Path) -> None:
    done = command(tmp_path, "secret", "new", "--ed25519", "-o", "crm.secret")
    assert (done.returncode, done.stdout) == (0, "")
    file = tmp_path / "crm.secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secret = file.read_text().rstrip("\n")
    public = done.stderr.splitlines()[-1]
    assert secret not in done.stderr
    seed = base64.b64decode(secret.removeprefix("whsk_"))[:32]
    assert base64.b64decode(public.removeprefix("whpk_")) == bytes(nacl.signing.SigningKey(seed).verify_key)
    again = command(tmp_path, "secret", "public", "crm.secret")
    assert (again.returncode, again.stdout) == (0, f"{public}\n")


def test_programs_get_json(tmp_path: Path) -> None:
    pair = json.loads(command(tmp_path, "secret", "new", "--ed25519", "--json").stdout)
    assert set(pair) == {"secret", "public_key"}
    written = json.loads(command(tmp_path, "secret", "new", "-o", "a", "--json").stdout)
    assert written == {"file": "a"}
    (tmp_path / "pair").write_text(pair["secret"])
    assert (
        json.loads(command(tmp_path, "secret", "public", "pair", "--json").stdout)["public_key"] == pair["public_key"]
    )


def test_no_secret_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "crm.secret").write_text("precious")
    done = command(tmp_path, "secret", "new", "-o", "crm.secret")
    assert (done.returncode, done.stdout) == (2, "")
    assert "crm.secret already exists" in done.stderr
    assert (tmp_path / "crm.secret").read_text() == "precious"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("whsec_" + "QUFB" * 8, "the secret must be whsk_"),
        ("whsk_not base64", "is not base64"),
        (None, "can't be read: No such file or directory"),
    ],
)
def test_what_has_no_public_key_is_said_without_being_quoted(tmp_path: Path, content: str | None, what: str) -> None:
    if content is not None:
        (tmp_path / "secret").write_text(content)
    done = command(tmp_path, "secret", "public", "secret")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert what in line
    assert content is None or content not in line


def test_the_schema_of_a_type_and_of_all(tmp_path: Path) -> None:
    one = json.loads(command(tmp_path, "schema", "events", "failed").stdout)
    assert one["title"] == "message.failed"
    everything = json.loads(command(tmp_path, "schema", "events").stdout)
    assert everything["$defs"]["message.failed"] == one
    wrong = command(tmp_path, "schema", "events", "faild")
    assert wrong.returncode == 2
    assert "did you mean `failed`?" in wrong.stderr
    assert (
        "(allowed: abandoned, account.failing, account.recovered, cancelled, expired,"
        in command(tmp_path, "schema", "events", "nonsense").stderr
    )


def test_schema_of_the_configuration_is_printed_for_editors(tmp_path: Path) -> None:
    shown = json.loads(command(tmp_path, "schema", "config").stdout)
    assert shown["properties"]["retention"]["default"] == "30d"
    assert {"events", "config"} <= set(command(tmp_path, "schema").stderr.split())
