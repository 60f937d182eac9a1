"""Hands message ids to a running bridge, from the program that sends them. Needs the standard library only.

    from bridge.client import watch

    sent = wbiztool.send_message(...)
    watch(sent["msg_id"], label="Invoice 88", tags={"team": "billing"})

Where the bridge is, and its token, come from ``WBIZ_BRIDGE_URL`` (``http://127.0.0.1:8095``) and ``WBIZ_BRIDGE_TOKEN``,
unless they are given.
"""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

__all__ = ["DEFAULT_URL", "WatchError", "watch", "watch_many"]

DEFAULT_URL = "http://127.0.0.1:8095"
"""Where a bridge listens unless its configuration says otherwise."""

_ADDRESS = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?\Z")
_LARGEST_ANSWER = 4 * 1024 * 1024


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
    if tags:
        message["tags"] = dict(tags)
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
        told = json.loads(error.read(_LARGEST_ANSWER))
        return f"{told['title']}: {told['detail']}"
    except (OSError, ValueError, KeyError, TypeError):
        return f"HTTP {error.code}"
