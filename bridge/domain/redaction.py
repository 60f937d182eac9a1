"""Takes secrets out of text before it leaves the bridge: logs, errors, records, pages."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "***"
_TOKEN = 12  # a shorter part of a secret is rather a word, which may be anywhere
_SHORTEST = 6  # a shorter "secret" would blot out ordinary words, and protects nothing


class Redactor:
    """Replaces every known secret, in the spellings in which programs echo them, by ``***``."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._spellings: list[str] = []
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Replace these too, from now on."""
        spellings = set(self._spellings)
        for secret in secrets:
            for part in {secret, *_url_parts(secret), *_bare_parts(secret)}:
                spellings.update(_spelled(part))
        self._spellings = sorted((s for s in spellings if len(s) >= _SHORTEST), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return ``text`` without the secrets."""
        for spelling in self._spellings:
            if spelling in text:
                text = text.replace(spelling, MASK)
        return text


def _spelled(secret: str) -> set[str]:
    """List how programs write a text: as it is, in URLs, in JSON with and without escapes (PHP's: the slash too)."""
    # A secret from the environment may hold bytes that are no UTF-8, which Python keeps as halves of surrogate pairs.
    urls = {quote(secret, safe="", errors="replace"), quote(secret, errors="replace")}
    urls.add(quote_plus(secret, errors="replace"))
    texts = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret} | urls | texts | {text.replace("/", "\\/") for text in texts}


def _url_parts(secret: str) -> set[str]:
    """List what of a secret URL servers and libraries quote alone: path and query, tokens in them, the password."""
    if "://" not in secret:
        return set()
    try:
        parts = urlsplit(secret)
    except ValueError:  # a secret that only looks like a URL
        return set()
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    user, password = unquote(parts.username or ""), parts.password or ""
    basic = base64.b64encode(f"{user}:{unquote(password)}".encode(errors="replace")).decode()  # as the header has it
    tokens = {*parts.path.split("/"), *(value for _, value in parse_qsl(parts.query, errors="replace"))}
    wholes = {part for part in (target, parts.path, parts.query) if len(part) > _SHORTEST}
    shown = {password, unquote(password), basic} if password else set()
    return wholes | {token for token in tokens if len(token) >= _TOKEN} | shown


def _bare_parts(secret: str) -> set[str]:
    """List what is quoted without what precedes it: ``Bearer`` in a header, ``whsec_`` of a signing secret."""
    words = {word for word in secret.split() if len(word) >= _TOKEN}
    return words | {secret.removeprefix("whsec_").removeprefix("whsk_")}


def clean_text(text: str) -> str:
    """Make text from outside storable anywhere: no NUL (PostgreSQL refuses it), no half of a surrogate pair."""
    if text.isascii() and "\x00" not in text:
        return text  # nearly always
    return (
        text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def clean_line(text: str) -> str | None:
    """Make a name, a reason or a note that somebody gave storable, and one line; None if nothing is left of it."""
    return " ".join(clean_text(text).split()) or None
