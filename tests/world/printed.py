"""What README and docs print for people to copy, so that tests can run exactly that."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_FENCED = re.compile(r"^( *)```(\w*)\n(.*?)\n\1```$", re.MULTILINE | re.DOTALL)


def block(document: str, heading: str, language: str) -> str:
    """The one block in this language below a heading, up to the next heading of the same level or above.

    Args:
        document: Its path in the repository.
        heading: As it is there, with its ``#``.
    """
    text = (_ROOT / document).read_text(encoding="utf-8")
    (_, below) = f"\n{text}".split(f"\n{heading}\n")
    level = len(heading) - len(heading.lstrip("#"))
    outside = re.sub(_FENCED, lambda found: " " * len(found.group()), below)  # a comment of shell begins with # too
    end = re.search(rf"^#{{1,{level}}} ", outside, re.MULTILINE)
    found = [part for _, name, part in _FENCED.findall(below[: end.start() if end else None]) if name == language]
    assert len(found) == 1, f"{document}, {heading!r}: {len(found)} blocks of {language}"
    return textwrap.dedent(found[0]) + "\n"
