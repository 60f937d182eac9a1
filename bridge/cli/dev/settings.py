"""The options of ``dev``, and the configuration that follows from them."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from bridge.cli.throw_away import configured
from bridge.config.errors import InvalidConfiguration
from bridge.domain.errors import BridgeError, UsageError
from bridge.domain.settings.listen_address import is_loopback, parse_listen
from bridge.receivers.signing import ED25519_PREFIX, ed25519_key_of, new_secret
from bridge.receivers.webhook.config import WebhookReceiverConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.config.models import Config
    from bridge.simulator.api import Simulator

RECEIVER: Final = "dev"
"""The receiver's name in the configuration."""

_OPTIONS: Final = {
    "receivers[0].webhook": "--forward-to",
    "receivers[0].secret": "--secret-file",
    "receivers[0].format": "--format",
    "receivers[0].events": "--events",
}
"""The option that each part of the configuration comes from."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command, as they were given."""

    forward_to: str
    format: str = "standard"
    events: Sequence[str] = ()
    secret_file: Path | None = None
    listen: str = "127.0.0.1:0"
    as_json: bool = False


def configure(options: Options, folder: Path, control: Path, simulator: Simulator) -> Config:
    """Write and read the configuration.

    Young messages are polled four times a second, and nothing has to settle: a trigger takes effect at once. The rules
    about stuck and abandoned messages are the defaults.

    Args:
        options: The command's.
        folder: For it and all that the bridge writes.
        control: The daemon's socket.
        simulator: What is polled.

    Raises:
        UsageError: An option is wrong.
        BridgeError: The secret's file cannot be written.
    """
    url = forward_url(options.forward_to)
    receiver: dict[str, Any] = {
        "name": RECEIVER,
        "webhook": url,
        "secret_file": str(_secret_file(options.secret_file or folder / "secret")),
        "format": options.format,
    }
    if options.events:
        receiver["events"] = [each.strip() for given in options.events for each in given.split(",")]
    if is_loopback(_host(url)):
        receiver["proxy"] = False  # one from the environment does not lead to this machine
    sections = {
        "poll": {"intervals": [{"until": "1m", "every": "250ms"}, {"every": "5s"}], "unknown_after": "1s"},
        "numbers": {"watch": True, "every": "1s", "settle": "0s"},
        "http": {"listen": _checked(options.listen)},
        "control": str(control),
        "receivers": [receiver],
    }
    try:
        return configured(folder, simulator, sections)
    except InvalidConfiguration as error:
        raise _of_options(error) from None


def forward_url(text: str) -> str:
    """Add ``http://`` to the address of a receiver on this machine: ``localhost:3000/hooks``. Pure.

    Raises:
        UsageError: It has no scheme, and is not on this machine.
    """
    if "://" in text:
        return text
    if is_loopback(_host(f"//{text}")):
        return f"http://{text}"
    raise UsageError(f"--forward-to {text}: must be a full URL, for example http://localhost:3000/hooks")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # brackets that hold no IPv6 address
        return ""


def receivers_secret(config: Config) -> str:
    """Return what the receiver verifies with: the secret, or the public half of an ed25519 key."""
    (receiver,) = config.receivers
    assert isinstance(receiver, WebhookReceiverConfig)
    secret = receiver.secrets[0].get_secret_value()
    return ed25519_key_of(secret).public if secret.startswith(ED25519_PREFIX) else secret


def _checked(listen: str) -> str:
    try:
        loopback = parse_listen(listen).loopback
    except ValueError as error:
        raise UsageError(f"--listen {listen}: {error}") from None
    if not loopback:
        raise UsageError(f"--listen {listen}: other machines could reach this address: use 127.0.0.1")
    return listen


def _secret_file(file: Path) -> Path:
    """Write a new secret to the file, unless it is there already."""
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as opened:
            opened.write(f"{new_secret(secrets.token_bytes(32))}\n")
    except FileExistsError:
        pass
    except OSError as error:
        raise BridgeError(f"--secret-file {file}: cannot be written: {error.strerror}") from None
    return file.absolute()


def _of_options(error: InvalidConfiguration) -> BridgeError:
    """Turn faults of the configuration into faults of the options that it was made from."""
    lines = [
        f"{option}: {fault.what}"
        for fault in error.faults
        for key, option in _OPTIONS.items()
        if fault.place.key.startswith(key)
    ]
    return UsageError(*lines) if lines else error
