"""For programs on both sides of the bridge: those that send, and those that receive. Needs the standard library only.

Hand a message's id to a running bridge:

    from bridge.client import watch

    sent = wbiztool.send_message(...)
    watch(sent["msg_id"], label="Invoice 88", tags={"team": "billing"})

Where the bridge is, and its token, come from ``WBIZ_BRIDGE_URL`` (``http://127.0.0.1:8095``) and ``WBIZ_BRIDGE_TOKEN``,
unless they are given.

Verify a webhook of the bridge:

    from bridge.client import VerificationError, verify

    event = verify(request.get_data(), request.headers, os.environ["CRM_WEBHOOK_SECRET"])
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import os
import re
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Protocol

    class Headers(Protocol):
        """What every framework calls the headers of a request: a mapping, or much like one."""

        def items(self) -> Iterable[tuple[str, Any]]:
            """List names and values."""
            ...


__all__ = ["DEFAULT_URL", "VerificationError", "WatchError", "verify", "verify_batch", "watch", "watch_many"]

DEFAULT_URL = "http://127.0.0.1:8095"
"""Where a bridge listens unless its configuration says otherwise."""

_ADDRESS = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?\Z")
_LARGEST_ANSWER = 4 * 1024 * 1024
_SIGNED_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
_TIMESTAMP = re.compile(r"[0-9]{1,15}")
_SECRET = "whsec_"  # noqa: S105 -- what it begins with
_ED25519 = ("whsk_", "whpk_")


class WatchError(Exception):
    """The bridge did not take the messages; the text says why, and never holds the token.

    ``status`` is the HTTP status of its answer, None where there was none: the same may succeed later.
    """

    def __init__(self, words: str, status: int | None = None) -> None:
        super().__init__(words)
        self.status = status


def watch(
    message_id: int,
    *,
    label: str | None = None,
    tags: Mapping[str, str] | None = None,
    number: str | None = None,
    expected_at: datetime | str | None = None,
    url: str | None = None,
    token: str | None = None,
    timeout: float = 10.0,
) -> bool:
    """Let the bridge watch a message; true if it did not before, which is no error.

    Args:
        message_id: WbizTool's ``msg_id``.
        label: Words of your own, shown in every alert about it.
        tags: Receivers choose by them.
        number: Which of the account's numbers sends it, for reports by number; it becomes the tag ``number``.
        expected_at: When it is scheduled to be sent, with its time zone.
        url: Where the bridge is.
        token: Its ``http.token``.
        timeout: Seconds to wait for it.

    Raises:
        WatchError: The bridge did not take it.
    """
    message: dict[str, Any] = {"id": message_id}
    if label is not None:
        message["label"] = label
    if tags or number:
        message["tags"] = {**(tags or {}), **({"number": number} if number else {})}
    if expected_at is not None:
        message["expected_at"] = expected_at if isinstance(expected_at, str) else expected_at.isoformat()
    return bool(_post(message, url, token, timeout))


def watch_many(
    messages: Iterable[int | Mapping[str, Any]],
    *,
    url: str | None = None,
    token: str | None = None,
    timeout: float = 30.0,
) -> list[int]:
    """Let the bridge watch messages, up to ten thousand in a call; returns those that it did not watch before.

    Args:
        messages: Ids, or mappings of ``id``, ``label``, ``tags`` and ``expected_at``.
        url: Where the bridge is.
        token: Its ``http.token``.
        timeout: Seconds to wait for it.

    Raises:
        WatchError: The bridge took none of them.
    """
    listed = [{"id": each} if isinstance(each, int) else dict(each) for each in messages]
    return _post({"messages": listed}, url, token, timeout) if listed else []


def _post(body: Mapping[str, Any], url: str | None, token: str | None, timeout: float) -> list[int]:
    base = (url or os.environ.get("WBIZ_BRIDGE_URL") or DEFAULT_URL).rstrip("/")
    token = token or os.environ.get("WBIZ_BRIDGE_TOKEN")
    if not _ADDRESS.match(base):
        raise WatchError(f"the bridge's address must be like {DEFAULT_URL} (WBIZ_BRIDGE_URL)")
    if not token:
        raise WatchError("the bridge's token is missing: set WBIZ_BRIDGE_TOKEN, or give token=")
    if not (token.isascii() and token.isprintable()):  # an error of http.client would quote it
        raise WatchError("the bridge's token holds characters that no header carries (WBIZ_BRIDGE_TOKEN)")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept": "application/json"}
    request = urllib.request.Request(  # noqa: S310 -- the scheme was looked at
        f"{base}/v1/messages", json.dumps(body).encode(), headers, method="POST"
    )
    try:
        with _OPENER.open(request, timeout=timeout) as answer:
            found = json.loads(answer.read(_LARGEST_ANSWER))["watched"]
    except urllib.error.HTTPError as error:
        with error:
            raise WatchError(f"the bridge refused: {_why(error)}", error.code) from None
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        why = getattr(error, "reason", None) or error
        raise WatchError(f"no usable answer of the bridge at {base}: {why}") from None
    return list(found)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token would go along."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Refuse."""


_OPENER = urllib.request.build_opener(_NoRedirect)


def _why(error: urllib.error.HTTPError) -> str:
    """Read the problem that the bridge tells of."""
    try:
        problem = json.loads(error.read(_LARGEST_ANSWER))
        return f"{problem['title']}: {problem['detail']}"
    except (OSError, ValueError, KeyError, TypeError):
        return f"HTTP {error.code}"


class VerificationError(ValueError):
    """A webhook was not verified, so do nothing with it; the text says why, and never holds the secret."""


def verify(
    body: bytes,
    headers: Headers,
    secret: str | Sequence[str],
    *,
    tolerance: float = 300.0,
    clock: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """Verify the signature of a webhook (Standard Webhooks 1.0, HMAC), and return the event.

    Args:
        body: The bytes of the request, before any parsing.
        headers: All headers of the request, as your framework has them; also the ``META`` of Django, or WSGI's
            environment. Upper and lower case are the same.
        secret: ``whsec_…``; or a list of those of which one must have signed, while you change the secret.
        tolerance: By how many seconds the request's timestamp and the clock may differ.
        clock: Seconds since 1970.

    Raises:
        VerificationError: The request was not signed with the secret, or not now; or the secret can't be used.
    """
    event = _verified(body, headers, secret, tolerance, clock)
    if not isinstance(event, dict):
        raise VerificationError("the body is not one event: for a receiver with `batch`, use verify_batch()")
    return event


def verify_batch(
    body: bytes,
    headers: Headers,
    secret: str | Sequence[str],
    *,
    tolerance: float = 300.0,
    clock: Callable[[], float] = time.time,
) -> list[dict[str, Any]]:
    """Do what :func:`verify` does, for a receiver with ``batch``, whose requests hold a list of events.

    Raises:
        VerificationError: As for :func:`verify`.
    """
    events = _verified(body, headers, secret, tolerance, clock)
    if not isinstance(events, list):
        raise VerificationError("the body is not a list of events: for a receiver without `batch`, use verify()")
    return events


def _verified(
    body: bytes,
    headers: Headers,
    secret: str | Sequence[str],
    tolerance: float,
    clock: Callable[[], float],
) -> Any:
    if not isinstance(body, bytes):
        raise VerificationError(f"the body must be bytes as they came, not {type(body).__name__}: parsing changes it")
    keys = [_key(one) for one in ([secret] if isinstance(secret, str) else secret)]
    if not keys:
        raise VerificationError("there is no secret to verify with")
    id_, timestamp, signatures = _signed_headers(headers)
    if not _TIMESTAMP.fullmatch(timestamp):
        raise VerificationError("the header webhook-timestamp is not a number of seconds")
    late = int(clock()) - int(timestamp)
    if abs(late) > tolerance:
        raise VerificationError(
            f"the request was signed {abs(late)} s {'ago' if late > 0 else 'in the future'}, which is more than"
            f" {tolerance:g} s: it is a repeat, or a clock is wrong"
        )
    found = [encoded for version, _, encoded in (one.partition(",") for one in signatures.split()) if version == "v1"]
    content = f"{id_}.{timestamp}.".encode() + body
    made = [base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys]
    if not any(hmac.compare_digest(one, other) for one in made for other in found):
        raise VerificationError("no signature of the request was made with this secret")
    try:
        return json.loads(body)
    except ValueError:
        raise VerificationError("the request is signed, but its body is not JSON") from None


def _key(secret: str) -> bytes:
    secret = secret.strip()  # a secret read from a file ends with a newline
    if secret.startswith(_ED25519):
        raise VerificationError(
            f"{secret[:5]}… is an ed25519 key, which the standard library can't verify with: use the library"
            " cryptography, as docs/webhooks.md shows, or a secret that begins with whsec_"
        )
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET), validate=True)
    except (binascii.Error, ValueError):  # ValueError: letters beyond ASCII
        key = b""
    if not (key and secret.startswith(_SECRET)):
        raise VerificationError("the secret must be whsec_ followed by base64, as `wbiz-bridge secret new` prints it")
    return key


def _signed_headers(headers: Headers) -> list[str]:
    """Find the three headers; WSGI calls them ``HTTP_WEBHOOK_ID`` and so on."""
    named = {name.lower().replace("_", "-").removeprefix("http-"): value for name, value in headers.items()}
    values = [named.get(name) for name in _SIGNED_HEADERS]
    missing = [name for name, value in zip(_SIGNED_HEADERS, values, strict=True) if not value]
    if missing:
        raise VerificationError(f"the request has no header {missing[0]}: it was not signed by the bridge")
    if not all(isinstance(value, str) and value.isascii() for value in values):
        raise VerificationError("the request's headers are not plain text")
    return [str(value) for value in values]
