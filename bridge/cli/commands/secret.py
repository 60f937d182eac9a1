"""What webhooks are signed with: ``secret new``, ``secret public``."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import output
from bridge.cli.options import JsonOption, command_app
from bridge.domain.errors import BridgeError, UsageError
from bridge.receivers.signing import Ed25519Key, ed25519_key_of, new_secret

app = command_app(name="secret", no_args_is_help=True, help="Make the secrets that webhooks are signed with.")

_MOST = 4096


@app.command("new")
def new(
    file: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", readable=False, help="Write it there, for its owner alone (mode 600)."
        ),
    ] = None,
    *,
    ed25519: Annotated[
        bool, typer.Option("--ed25519", help="A key pair: the receiver gets the public key, and can't sign.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a secret to sign webhooks with.

    The secret is the only thing on the standard output; what to do with it is said beside it. With -o it is written to
    a file that must not exist, and is not shown.

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
            metavar="FILE", readable=False, help="Holds a secret of the form whsk_…; - for the standard input."
        ),
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Show the public key of an ed25519 secret.

    It is what the receiver verifies with.

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
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{file} is there already: name another file, a secret is never overwritten") from None
    except OSError as error:
        raise BridgeError(f"{file} can't be written: {error.strerror}") from None
    try:
        with os.fdopen(opened, "w", encoding="ascii") as stream:
            stream.write(f"{secret}\n")
            stream.flush()
            os.fsync(opened)
    except OSError as error:
        file.unlink(missing_ok=True)
        raise BridgeError(f"{file} can't be written: {error.strerror}") from None


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
        ours = f"{file} is written, for you alone to read. In the configuration: `secret_file: {file}`; the bridge's"
        ours += " user must be able to read it."
    else:
        ours = "For the bridge: into a file that only its user can read (chmod 600), and `secret_file: FILE` in the"
        ours += " configuration."
    if public_key is not None:
        return [ours, "For the receiver: this public key, which is no secret.", public_key]
    return [ours, "For the receiver: the same secret; nobody else may have it."]
