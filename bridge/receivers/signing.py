"""Signatures as Standard Webhooks 1.0 describes them: HMAC-SHA256, version ``v1``. Pure.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "whsec_"
SHORTEST_KEY = 24
LONGEST_KEY = 64
"""Bounds of a key, in bytes, as the specification sets them."""

_FORM = f"{PREFIX} followed by the base64 of {SHORTEST_KEY} to {LONGEST_KEY} bytes"


def key_of(secret: str) -> bytes:
    """Read a secret as configurations hold it: ``whsec_`` and base64, with or without its padding.

    Raises:
        ValueError: It is no such secret. The text says what is allowed and holds nothing of the secret.
    """
    if not secret.startswith(PREFIX):
        raise ValueError(f"the secret must be {_FORM}")
    encoded = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):  # ValueError: letters beyond ASCII
        # Without its cause: that could quote what it could not read.
        raise ValueError(f"what follows {PREFIX} in the secret is not base64: it must be {_FORM}") from None
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise ValueError(f"the secret holds {len(key)} bytes: it must be {_FORM}")
    return key


def sign(keys: Iterable[bytes], id_: str, timestamp: int, body: bytes) -> str:
    """Write the value of ``webhook-signature``: one signature for each key, in order; empty without keys.

    Args:
        keys: Of :func:`key_of`. Several let receivers change theirs without a gap.
        id_: The value of ``webhook-id``; it holds no full stop.
        timestamp: The value of ``webhook-timestamp``: whole seconds since 1970.
        body: Exactly the bytes that are sent.
    """
    signed = b".".join((id_.encode(), str(timestamp).encode(), body))
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
