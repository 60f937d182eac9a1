"""What webhooks are signed with: ``secret new``, ``secret public``."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import output
from bridge.cli.new_file import write_new
from bridge.cli.options import JsonOption, command_app
from bridge.domain.errors import BridgeError, UsageError
from bridge.receivers.signing import Ed25519Key, ed25519_key_of, new_secret

app = command_app(name="secret", no_args_is_help=True, help="Create the secrets that sign webhooks.")

_MOST = 4096


@app.command("new")
def new(
    file: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            readable=False,
            help="Write the secret to FILE, readable only by you (mode 600).",
        ),
    ] = None,
    *,
    ed25519: Annotated[
        bool, typer.Option("--ed25519", help="Create a key pair: the receiver gets the public key, which cannot sign.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Create a secret that signs webhooks.

    Only the secret goes to standard output; instructions go to standard error. With -o, the secret is written to a new
    file and not shown.

    Examples: wbiz-bridge secret new · wbiz-bridge secret new --ed25519 -o crm.secret
    """
    random = secrets.token_bytes(32)
    pair = Ed25519Key(random) if ed25519 else None
    made = new_secret(random) if pair is None else pair.secret
    if file is not None:
        _write(file, made)
    if as_json:
        shown = {"file": str(file)} if file is not None else {"secret": made}
        output.print_json(shown | ({"public_key": pair.public} if pair else {}))
    elif file is None:
        output.say(made)
    if not as_json:
        output.say(*_advice(file, None if pair is None else pair.public), err=True)


@app.command("public")
def public(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", readable=False, help="A file with a secret of the form whsk_…, or - for standard input."
        ),
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Show the public key of an ed25519 secret.

    The receiver verifies signatures with it.

    Example: wbiz-bridge secret public crm.secret
    """
    try:
        key = ed25519_key_of(_read(file).rstrip("\r\n"))
    except ValueError as error:
        raise BridgeError(f"{file}: {error} (only that has a public key)") from None
    if as_json:
        output.print_json({"public_key": key.public})
    else:
        output.say(key.public)


def _write(file: Path, secret: str) -> None:
    try:
        write_new(file, f"{secret}\n", mode=0o600)
    except FileExistsError:
        raise UsageError(f"{file} already exists: choose another file; secrets are never overwritten") from None


def _read(file: Path) -> str:
    try:
        if str(file) == "-":
            return sys.stdin.read(_MOST)
        with file.open(encoding="utf-8") as stream:
            return stream.read(_MOST)
    except OSError as error:
        raise BridgeError(f"{file} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BridgeError(f"{file} can't be read: it is not text") from None


def _advice(file: Path | None, public_key: str | None) -> list[str]:
    if file is not None:
        ours = f"Wrote {file}, readable only by you. In the configuration, set `secret_file: {file}`; the bridge's user"
        ours += " must be able to read it."
    else:
        ours = "For the bridge: save the secret in a file that only the bridge's user can read (chmod 600), and set"
        ours += " `secret_file: FILE` in the configuration."
    if public_key is not None:
        return [ours, "For the receiver: this public key, which is not secret.", public_key]
    return [ours, "For the receiver: the same secret. Share it with nobody else."]
