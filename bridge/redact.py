"""Takes secrets out of text before it leaves the bridge: logs, errors, records, pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "***"
_SHORTEST = 6  # a shorter "secret" would blot out ordinary words, and protects nothing


class Redactor:
    """Replaces every known secret, in the spellings in which programs echo them, by ``***``."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings: set[str] = set()
        for secret in secrets:
            spellings.update(
                {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1]}
            )
            spellings.update(_url_parts(secret))
        self._spellings = sorted((s for s in spellings if len(s) >= _SHORTEST), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return ``text`` without the secrets."""
        for spelling in self._spellings:
            if spelling in text:
                text = text.replace(spelling, MASK)
        return text


def _url_parts(secret: str) -> set[str]:
    """List what of a secret URL servers and libraries quote on its own: its path with the query, and the query."""
    if "://" not in secret:
        return set()
    parts = urlsplit(secret)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return {part for part in (target, parts.path, parts.query, parts.password or "") if len(part) > _SHORTEST}


def clean_text(text: str) -> str:
    """Make text from outside storable anywhere: no NUL (PostgreSQL refuses it), no half of a surrogate pair."""
    return (
        text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )
