"""Rules about indentation, dashes, and colons between key and value. Pure.

A rule looks at one line and offers repairs; which of them is right is found out by `finder`, which tries them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.config.slips.keys import KNOWN
from bridge.config.slips.lines import Line, read_line
from bridge.config.slips.repair import Repair, content_above, example

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DASHES = "‐‑‒–—―−•·●◦‣"
"""What word processors make of a hyphen at the beginning of a line, and bullets."""

TAB = "this line begins with a tab{more}; indent with spaces, never with tabs"
ODD_SPACE = "this line begins with a special space, as web pages and word processors have it; use plain spaces"
NO_SPACE_AFTER_DASH = "a space is missing after the dash: write `- `"
PLAIN_DASH = "begin each item of a list with a plain dash and a space: `- `"
NO_DASH = "a dash is missing: each item of a list begins with `- `"
NOT_INDENTED_ALIKE = "this line is indented differently from the item above (line {line}); give both the same spaces"

_ODD = re.compile("[^\\S ]|[\u200b\u2060\ufeff]")
_SEPARATED = re.compile(r"([A-Za-z_][\w-]*)(\s*[,=;：﹕]\s*|:[^\S ]\s*|:(?=[^\s/]))(.*)")
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_WORD_AND_VALUE = re.compile(r"([A-Za-z_][\w-]*) +(\S.*)")
_LIST_BESIDE_KEY = re.compile(r"[\w-]+: +(?=- )")
_FENCE = re.compile(r"```|~~~")
_FOREIGN_COMMENT = re.compile(r"//|/\*|<!--|;|--(?!-)")
_NEAR = 12
"""Lines above whose indentation a line may be meant to have."""


def indentation(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find a tab, or another space than the plain one, before the line's content."""
    line = read_line(lines[i])
    odd = _ODD.search(line.text, 0, line.indent)
    if odd:
        what = ODD_SPACE
        if odd[0] == "\t":
            more = sum(other[:1] == "\t" for other in lines) - (line.text[0] == "\t")
            what = TAB.format(more=f" (as do {more} more)" if more else "")
        for column in _columns(lines, i):
            yield Repair(i, odd.start(), what, " " * column + line.text[line.indent :])


def dash(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find an item whose dash has no space after it, or is none."""
    line = read_line(lines[i])
    first, second = line.content[:1], line.content[1:2]
    if first == "-" and not line.dashed and second.strip() and second != "-":
        yield Repair(i, line.start, NO_SPACE_AFTER_DASH, line.replaced(line.start, line.start + 1, "- "))
    elif first and (first in DASHES or (first == "*" and second == " ")):
        begin = line.start + len(line.content) - len(line.content[1:].lstrip())
        yield Repair(i, line.start, PLAIN_DASH, line.replaced(line.start, begin, "- "))


def separator(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find something else than a colon and a space between a key and its value."""
    line = read_line(lines[i])
    match = None if line.key else _SEPARATED.fullmatch(line.content)
    if match is None:
        return
    key, between, value = match.groups()
    sign = between.strip()
    if sign in ",;" and key not in KNOWN:
        return  # rather two items of a list
    if sign != ":":
        what = f"write a colon and a space in place of `{sign}`: {example(key)}"
    elif between == ":":
        what = f"a space is missing after the colon: {example(key)}"
    else:
        what = f"after the colon is a special space, as web pages have it; use a plain one: {example(key)}"
    column = line.start + match.start(2) + between.index(sign)
    yield Repair(i, column, what, line.replaced(line.start, line.end, f"{key}: {value}"))


def list_beside_key(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find a list that begins on the line of its key."""
    line = read_line(lines[i])
    match = _LIST_BESIDE_KEY.match(line.content)
    if match:
        at = line.start + match.end()
        what = "put the list below this line: each item on a line of its own, beginning with spaces and a dash"
        yield Repair(i, at, what, f"{line.text[:at]}\n{' ' * (line.start + 2)}{line.text[at:]}")


def foreign(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find what belongs to a web page or to another language."""
    line = read_line(lines[i])
    if _FENCE.match(line.content):
        yield Repair(i, line.start, "remove this line: it marks code on web pages and in chats, and is not YAML", "")
    elif _FOREIGN_COMMENT.match(line.content):
        yield Repair(i, line.start, "a comment begins with #", "")


def no_dash(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find an item of a list that has no dash."""
    line = read_line(lines[i])
    above = content_above(lines, i)
    item = None if above is None else read_line(lines[above])
    if item and item.dashed and not item.key and line.content and not line.dashed and not line.key:
        yield Repair(i, line.start, NO_DASH, f"{' ' * item.indent}- {line.text[line.start :]}")


def no_colon(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find a key that has no colon before its value."""
    line = read_line(lines[i])
    match = None if line.key else _WORD_AND_VALUE.fullmatch(line.content)
    if match:
        what = f"a colon is missing: {example(match[1])}"
        at = line.start + match.end(1)
        yield Repair(i, at, what, line.replaced(at, at, ":"))


def section_without_colon(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find a key that has no colon before the lines below it."""
    line = read_line(lines[i])
    below = read_line(lines[i + 1]) if i + 1 < len(lines) else None
    if below and (below.dashed or below.indent > line.indent) and _WORD.fullmatch(line.content):
        what = f"a colon is missing after {f'`{line.content}`' if line.content in KNOWN else 'this word'}"
        yield Repair(i, line.end, what, line.replaced(line.end, line.end, ":"))


def value_below(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find a value that is on a line of its own, and not indented."""
    line = read_line(lines[i])
    above = content_above(lines, i)
    owner = None if above is None else read_line(lines[above])
    if owner and owner.opens and owner.key and line.content and not line.key and line.indent <= owner.start:
        key = f"`{owner.key}`" if owner.key in KNOWN else "the key above"
        what = f"indent this line with {owner.start + 2} spaces: it is the value of {key}"
        yield Repair(i, line.indent, what, " " * (owner.start + 2) + line.text[line.indent :])


def other_indentation(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find a line that is indented neither as the one above nor as one that it could follow."""
    line = read_line(lines[i])
    if not line.content:
        return
    for column, above in _columns(lines, i).items():
        if column != line.indent:
            owner = read_line(lines[above])
            what = _lined_up(column, owner, above)
            if line.dashed and owner.dashed:
                what = NOT_INDENTED_ALIKE.format(line=above + 1)
            yield Repair(i, line.indent, what, " " * column + line.text[line.indent :])


def _columns(lines: Sequence[str], i: int) -> dict[int, int]:
    """List the columns at which a line may be meant to begin, the likeliest first, each with the line above it."""
    line = read_line(lines[i])
    found: dict[int, int] = {}
    above = content_above(lines, i)
    for _ in range(_NEAR):
        if above is None:
            break
        owner = read_line(lines[above])
        if not _ODD.search(owner.text, 0, owner.indent):
            if owner.opens and not found:
                found[owner.start + 2] = above
            for column in (owner.indent, owner.start) if line.dashed else (owner.start, owner.indent):
                found.setdefault(column, above)
        above = content_above(lines, above)
    return found or {0: i, 2: i}


def _lined_up(column: int, owner: Line, above: int) -> str:
    """Say that a line belongs at a column, which is that of a line above or inside of it."""
    key = f"`{owner.key}`" if owner.key in KNOWN else "the text"
    if column > owner.start:
        return f"this line belongs to {key} on line {above + 1}: put {column} spaces before it"
    spaces = f"put {column} spaces before it" if column else "remove the spaces before it"
    return f"this line must start right under {key} on line {above + 1}: {spaces}"
