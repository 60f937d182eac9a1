"""Signatures as Standard Webhooks 1.0 describes them: HMAC-SHA256 (``v1``) and ed25519 (``v1a``). Pure.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

The specification calls what is in ``whsk_`` and ``whpk_`` "a standard ed25519 key pair" in base64, and leaves the
bytes open. Its Go library, Svix and libsodium hold a secret key as 64 bytes, the seed and the public key; others hold
the seed alone. Both are read, the first is made.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "whsec_"
ED25519_PREFIX = "whsk_"
PUBLIC_PREFIX = "whpk_"

SHORTEST_KEY = 24
LONGEST_KEY = 64
"""Bounds of a symmetric key, in bytes, as the specification sets them."""

_NEW_KEY = 32
_SEED = 32  # RFC 8032, 5.1.5; a public key is as long
_PAIR = 2 * _SEED

_FORM = f"{PREFIX} followed by the base64 of {SHORTEST_KEY} to {LONGEST_KEY} bytes"
_ED25519_FORM = f"{ED25519_PREFIX} followed by the base64 of an ed25519 key: {_PAIR} bytes, or the {_SEED} of its seed"


class Key(Protocol):
    """What signs."""

    def signature(self, content: bytes) -> str:
        """Sign, and write the signature with its version before it."""
        ...


@dataclass(frozen=True, slots=True)
class HmacKey:
    """A secret that both sides have."""

    raw: bytes = field(repr=False)

    def signature(self, content: bytes) -> str:
        """Sign by HMAC-SHA256."""
        return f"v1,{_encoded(hmac.new(self.raw, content, hashlib.sha256).digest())}"


class Ed25519Key:
    """The secret half of a key pair. Receivers verify with the public half, and can't sign.

    Args:
        seed: 32 bytes.
    """

    def __init__(self, seed: bytes) -> None:
        # Not for everybody: it takes a tenth of the start's time.
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_bytes(self) -> bytes:
        """The public half."""
        return self._key.public_key().public_bytes_raw()

    @property
    def public(self) -> str:
        """The public half, as receivers get it: ``whpk_…``."""
        return PUBLIC_PREFIX + _encoded(self.public_bytes)

    @property
    def secret(self) -> str:
        """The whole, as the configuration holds it: ``whsk_…``."""
        return ED25519_PREFIX + _encoded(self._seed + self.public_bytes)

    def signature(self, content: bytes) -> str:
        """Sign by ed25519: the same content makes the same signature."""
        return f"v1a,{_encoded(self._key.sign(content))}"


def key_of(secret: str) -> Key:
    """Read a secret as configurations hold it: ``whsec_…`` or ``whsk_…``.

    Raises:
        ValueError: It is no such secret. The text says what is allowed and holds nothing of the secret.
    """
    if secret.startswith(ED25519_PREFIX):
        return ed25519_key_of(secret)
    if secret.startswith(PUBLIC_PREFIX):
        raise ValueError(f"{PUBLIC_PREFIX}… is the public key, which receivers get: the secret must be {_ED25519_FORM}")
    if not secret.startswith(PREFIX):
        raise ValueError(f"the secret must be {_FORM}; or {_ED25519_FORM}")
    raw = _decoded(secret, PREFIX, _FORM)
    if not SHORTEST_KEY <= len(raw) <= LONGEST_KEY:
        raise ValueError(f"what follows {PREFIX} is base64 of {len(raw)} bytes: the secret must be {_FORM}")
    return HmacKey(raw)


def ed25519_key_of(secret: str) -> Ed25519Key:
    """Read ``whsk_…``.

    Raises:
        ValueError: It is no such secret. The text holds nothing of the secret.
    """
    if not secret.startswith(ED25519_PREFIX):
        raise ValueError(f"the secret must be {_ED25519_FORM}")
    raw = _decoded(secret, ED25519_PREFIX, _ED25519_FORM)
    if len(raw) not in {_SEED, _PAIR}:
        raise ValueError(
            f"what follows {ED25519_PREFIX} is base64 of {len(raw)} bytes: the secret must be {_ED25519_FORM}"
        )
    key = Ed25519Key(raw[:_SEED])
    if len(raw) == _PAIR and raw[_SEED:] != key.public_bytes:
        raise ValueError(
            f"the key after {ED25519_PREFIX} is damaged: the second half of its {_PAIR} bytes must be the public key"
            " that belongs to the first"
        )
    return key


def new_secret(random: bytes) -> str:
    """Make a symmetric secret of 32 random bytes."""
    assert len(random) == _NEW_KEY
    return PREFIX + _encoded(random)


def sign(keys: Iterable[Key], id_: str, timestamp: int, body: bytes) -> str:
    """Write the value of ``webhook-signature``: one signature for each key, in order; empty without keys.

    Args:
        keys: Of :func:`key_of`. Several let receivers change theirs without a gap.
        id_: The value of ``webhook-id``; it holds no full stop.
        timestamp: The value of ``webhook-timestamp``: whole seconds since 1970.
        body: Exactly the bytes that are sent.
    """
    signed = b".".join((id_.encode(), str(timestamp).encode(), body))
    return " ".join(key.signature(signed) for key in keys)


def _decoded(secret: str, prefix: str, form: str) -> bytes:
    encoded = secret.removeprefix(prefix)
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):  # ValueError: letters beyond ASCII
        raw = b""
    if _encoded(raw) != encoded:  # also where only what pads it differs: receivers' libraries would not read that
        raise ValueError(f"what follows {prefix} is not base64: the secret must be {form}")
    return raw


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
