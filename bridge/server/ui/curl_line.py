"""A call of the API as a line for the shell. Pure."""

from __future__ import annotations

import json
import shlex
from typing import Any
from urllib.parse import urlencode

from bridge.server.ui.schema_examples import own_example

_Part = dict[str, Any]

_STREAM = "text/event-stream"


def curl_line(method: str, url: str, call: _Part, body: object) -> str:
    """Write it, with examples for what the call needs, and for the first parameter of its query that has one.

    Args:
        method: ``GET``.
        url: The address, with parameters of the path in braces.
        call: The operation in the OpenAPI document.
        body: An example of what it is sent; None for nothing.
    """
    first = ["curl"]
    if method != ("GET" if body is None else "POST"):
        first.append(f"-X {method}")
    if any(_STREAM in response.get("content", ()) for response in call["responses"].values()):
        first.append("-N")
    lines = [" ".join([*first, shlex.quote(_filled(url, call))])]
    if "security" in call:
        lines.append('-H "Authorization: Bearer $WBIZ_BRIDGE_TOKEN"')
    if body is not None:
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}"]
    return " \\\n  ".join(lines)


def _filled(url: str, call: _Part) -> str:
    query = []
    for each in call.get("parameters", ()):
        example = own_example(each["schema"])
        if each["in"] == "path":
            url = url.replace(f"{{{each['name']}}}", str(example or each["name"].upper()))
        elif each["in"] == "query" and example is not None:
            query.append((each["name"], example))
    return f"{url}?{urlencode(query[:1], doseq=True)}" if query else url
