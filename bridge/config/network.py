"""``tls`` and ``proxy``: how the bridge reaches a receiver, or WbizTool."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from bridge.domain.settings.tls import Tls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bridge.config.errors import Faults
    from bridge.config.yaml_reader import Value
    from bridge.domain.settings.network import TlsConfig

    ReadFile = Callable[[Value], tuple[Path, bytes] | None]

_FILES: tuple[str, ...] = ("ca_file", "cert_file", "key_file")
_NO_CERTIFICATE = "no certificate can be read from the file (allowed: PEM, -----BEGIN CERTIFICATE-----)"


def read_tls(value: Value, asked: TlsConfig, read: ReadFile, faults: Faults) -> Tls | None:
    """Read the files that ``tls`` names and see that they are what they should be; None where not, which is noted.

    No fault names a file or quotes one: who writes a key itself there, by mistake, must not find it in a log.
    """
    files = {key: read(value.data[key]) for key in _FILES if key in asked.model_fields_set}
    found = {key: file for key, file in files.items() if file is not None}
    if len(found) < len(files):
        return None
    texts = {key: content.decode("ascii", "ignore") for key, (_, content) in found.items()}
    for key in ("ca_file", "cert_file"):
        if key in texts and not _holds_certificate(texts[key]):
            faults.add(value.data[key].place, _NO_CERTIFICATE)
            return None
    tls = Tls(
        texts.get("ca_file"),
        texts.get("cert_file", ""),
        texts.get("key_file", ""),
        "" if asked.key_password is None else asked.key_password.get_secret_value(),
        asked.verify,
    )
    wrong = _wrong(tls, {key: file for key, (file, _) in found.items()})
    if wrong is not None:
        key, what = wrong
        at = value.data.get(key) or value.data.get(f"{key}_file") or value
        faults.add(at.place, what)
        return None
    return tls


def check_tls(value: Value, tls: Tls, url: str, faults: Faults, always_verified: str | None = None) -> None:
    """See that ``tls`` fits the address.

    Args:
        value: Where it is.
        tls: What was read there.
        url: The address.
        faults: What is wrong is added here.
        always_verified: Why the server's certificate must be verified there; None where that is not a must.
    """
    if not url.lower().startswith("https:"):
        faults.add(value.place, "only an address that begins with https:// has TLS; remove it")
    if not tls.verify and always_verified is not None:
        faults.add(value.data["verify"].place, f"{always_verified}: it can't be off (allowed: a ca_file to trust)")


def _holds_certificate(text: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):  # ValueError: empty
        return False
    return True


def _wrong(tls: Tls, files: Mapping[str, Path]) -> tuple[str, str] | None:
    """Say at which key what is wrong with files that each can be read."""
    if tls.authorities is not None and not tls.verify:
        return "ca_file", "has no meaning while verify is off; keep one"
    if "cert_file" not in files:
        alone = "key_file" if tls.key else "key_password" if tls.key_password else None
        return None if alone is None else (alone, "belongs to a cert_file, which is missing")
    key = "key_file" if "key_file" in files else "cert_file"
    try:
        # A function, so that OpenSSL never asks for a password at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(
            files["cert_file"], files.get("key_file"), lambda: tls.key_password
        )
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return key, "the key does not fit the certificate in cert_file"
        if "ENCRYPTED" not in (tls.key or tls.certificate):
            return key, "no private key can be read from the file (allowed: PEM, -----BEGIN PRIVATE KEY-----)"
        if not tls.key_password:
            return key, "the key is encrypted; give its password: key_password_file (or key_password)"
        return "key_password", "does not open the key"
    except OSError as error:
        return key, f"the file cannot be read: {error.strerror or 'input/output error'}"
    return None
