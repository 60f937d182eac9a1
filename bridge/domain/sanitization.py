"""Text from outside that people see, on a terminal or in a log: nothing in it drives the terminal. Pure."""

from __future__ import annotations

import re

# C0 but for tab and line feed, DEL and C1; what turns text around (Trojan Source) or can't be seen; line separators
# that only some programs break at; halves of surrogate pairs. What joins letters and emoji (U+200C, U+200D) is text.
_DRIVES = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def neutral(text: str) -> str:
    r"""Show what would drive a terminal as an escape: ESC as ``\x1b``, a right-to-left override as ``\u202e``."""
    return _DRIVES.sub(_shown, text)


def one_line(text: str) -> str:
    r"""Show text as one line that drives nothing: a line break as ``\n``, a tab as ``\t``. Spaces stay."""
    return neutral(text).replace("\n", "\\n").replace("\t", "\\t")


def squeezed(text: str) -> str:
    """Show text as one line, with a single space for each run of spaces, tabs and line breaks: for lists and tables."""
    return one_line(" ".join(text.split()))


def neutral_json(text: str) -> str:
    """Escape the same in a JSON document, which stays exactly the same to a program."""
    return _DRIVES.sub(_escaped, text)


def _shown(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
