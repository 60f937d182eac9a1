"""Rules about quotes, brackets, and text that must be in quotes. Pure.

A rule looks at one line and offers repairs; which of them is right is found out by `finder`, which tries them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.config.slips.keys import KNOWN
from bridge.config.slips.lines import CLOSER, QUOTES, Line, read_line
from bridge.config.slips.repair import Repair

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CURLY_START = re.compile(r"(?<![^\s\[{,:(])[“”„‟«‘’‚‛]")
"""A curly quote where a value begins."""

CURLY_QUOTES = 'replace the curly quotes with plain ones (")'
IN_QUOTES = 'text that begins with {char} must be in quotes: "{char}…"'

_CURLY = str.maketrans(dict.fromkeys("“”„‟«»", '"') | dict.fromkeys("‘’‚‛", "'"))
_COLON_IN_BLOCK = re.compile(r"(?<=: )[^\s\"'\[{].*:(?: .*|$)")
_COLON_IN_FLOW = re.compile(r"(?<=: )[^\s\"'\[{][^,\[\]{}]*:(?: [^,\[\]{}]*|(?=[,\]}]|$))")
_SECOND_KEY = re.compile(r"([A-Za-z_]\w*): ")
_VARIABLE = re.compile(
    r"""
    "(?:[^"\\]|\\.)*" | '[^']*'                                    # in quotes, it is right
    | (?P<bare>[^\s,\[\]{}"'$]*\$\{[^}\s]*\}[^\s,\]}"']*)
    """,
    re.VERBOSE,
)
_VARIABLE_NAME = re.compile(r"\$\{[A-Za-z_]\w*\}")
_SPECIAL = re.compile(r"(?:(?<=: )|(?<=- )|(?<=[\[{,])|(?<=[\[{,] ))[@`%*&!|>?]")
_ESCAPED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_NO_ESCAPE = re.compile(r"\\[^0abtnvfre \"/\\N_LPxuU\t]")
_WRONG_CLOSE = re.compile(r"[\"'“”‘’](?=\s*(?:[,\]}]|$))")
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_COMMENT_WORD = re.compile(r"\s*(#[^\s,'\]}]+)")
_FAR = 30
"""Lines above in which a bracket may have been opened."""


def curly_quotes(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find quotes as word processors make them."""
    line = read_line(lines[i])
    curly = CURLY_START.search(line.text, line.start)
    if curly and line.quote is None:
        yield Repair(i, curly.start(), CURLY_QUOTES, line.text.translate(_CURLY))


def variable(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find a variable without quotes inside braces or brackets."""
    line = read_line(lines[i])
    bare = next((found for found in _VARIABLE.finditer(line.text, line.start, line.end) if found["bare"]), None)
    if bare:
        name = _VARIABLE_NAME.fullmatch(bare[0])
        what = f'inside {{ }} and [ ], put a variable in quotes: "{name[0] if name else "${NAME}"}"'
        text = _VARIABLE.sub(lambda match: f'"{match[0]}"' if match["bare"] else match[0], line.text)
        yield Repair(i, bare.start(), what, text)


def colon_in_text(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find a text with a colon in it, or a second key on the line."""
    line = read_line(lines[i])
    for pattern in (_COLON_IN_FLOW, _COLON_IN_BLOCK):
        for found in pattern.finditer(line.text, line.start, line.end):
            second = _SECOND_KEY.search(found[0])
            if second and second[1] in KNOWN:
                yield _second_key(line, i, found.start() + second.start(), second[1])
                return
            what = "the text contains a colon; put it in quotes"
            colon = found.start() + found[0].index(":")
            yield Repair(i, colon, f'{what}: {_key_before(line, found.start())}"…"', _quoted(line, *found.span()))


def special_character(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find a text whose first character means something in YAML."""
    line = read_line(lines[i])
    starts = [match.start() for match in _SPECIAL.finditer(line.text, line.start, line.end)]
    if line.after is not None and (bracket := re.search(r"(?<=: )[\[{]", line.content)):
        starts.append(line.start + bracket.start())
    for start in starts:
        ends = re.compile(r"[,\]}]|$").search(line.text, start + 1, line.end) if line.text[start] not in "[{" else None
        inside = re.search(r"[\[{]", line.text[:start]) and ends
        what = IN_QUOTES.format(char=line.text[start])
        yield Repair(i, start, what, _quoted(line, start, ends.start() if inside and ends else line.end))


def backslash(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find a backslash in double quotes that is meant as one."""
    line = read_line(lines[i])
    wrong = _NO_ESCAPE.search(line.text, line.start)
    if wrong:
        text = _ESCAPED.sub(lambda match: f"'{match[1]}'" if "'" not in match[1] else match[0], line.text)
        what = "in double quotes, a backslash needs another one before it; or use single quotes: '…'"
        yield Repair(i, wrong.start(), what, text)


def text_after(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find text after a closing quote."""
    line = read_line(lines[i])
    if line.after is None:
        return
    before = line.text[: line.after].rstrip()
    if before[-1] not in QUOTES:
        return
    after, opened, last = line.text[line.after], before.rfind(before[-1], 0, -1), line.text.rfind("'")
    if before[-1] == "'" and after.isalpha() and last > line.after:
        what = 'an apostrophe ends text in single quotes; use double quotes around it: "…"'
        inner = line.text[opened + 1 : last]
        yield Repair(i, len(before) - 1, what, line.replaced(opened, last + 1, f'"{inner}"'))
    end = re.compile(r"[,\]}]|$" if re.search(r"[\[{]", before) else "$").search(line.text, line.after + 1, line.end)
    what = "text after the closing quote: put all of it between the quotes, or remove it"
    if after in ",;":
        what = f"remove the `{after}` after the closing quote"
    yield Repair(i, line.after, what, line.replaced(line.after, end.start() if end else line.end, ""))


def open_quote(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find a quote that is not closed on its line, or by another kind of quote."""
    line = read_line(lines[i])
    if line.quote is None:
        return
    quote = line.text[line.quote]
    for wrong in reversed(list(_WRONG_CLOSE.finditer(line.text, line.quote + 1, line.end))):
        what = f"the text begins with {quote} and ends with {wrong[0]}; use the same plain quote at both ends"
        yield Repair(i, line.quote, what, line.replaced(*wrong.span(), quote))
    what = f"the quote ({quote}) opened here is never closed"
    stripped = len(line.text.rstrip())
    for end in dict.fromkeys((stripped, len(line.text[:stripped].rstrip("]} ")))):
        yield Repair(i, line.quote, what, line.replaced(end, end, quote))


def comment_in_bracket(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find a value in brackets that is taken for a comment, and the closing bracket with it: ``{channel: #ops}``."""
    line = read_line(lines[i])
    found = _COMMENT_WORD.match(line.text, line.end) if line.opened else None
    if found is not None:
        what = "# begins a comment here, up to the end of the line: put the value into quotes"
        yield Repair(i, found.start(1), what, line.replaced(*found.span(1), f"'{found[1]}'"))


def open_bracket(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find a bracket that is not closed before the end of this line."""
    line = read_line(lines[i])
    for j in range(i, max(-1, i - _FAR), -1):
        opener = read_line(lines[j])
        if opener.opened:
            brackets = [opener.text[at] for at in opener.opened]
            closers = "".join(CLOSER[bracket] for bracket in reversed(brackets))
            what = f"the {brackets[-1]} opened here is never closed with {CLOSER[brackets[-1]]}"
            end = line.start + len(line.content.rstrip(" ,"))
            yield Repair(j, opener.opened[-1], what, line.replaced(end, line.end, closers), at=i)
            return


def wrong_bracket(lines: Sequence[str], i: int) -> Iterator[Repair]:
    """Find a closing bracket too many, or of the wrong kind."""
    line = read_line(lines[i])
    if line.surplus is None:
        return
    found = line.text[line.surplus]
    if line.opened:
        bracket = line.text[line.opened[-1]]
        what = f"{bracket} must be closed with {CLOSER[bracket]}, not with {found}"
        yield Repair(i, line.surplus, what, line.replaced(line.surplus, line.surplus + 1, CLOSER[bracket]))
    else:
        what = f"this {found} closes nothing; remove it"
        yield Repair(i, line.surplus, what, line.replaced(line.surplus, line.surplus + 1, ""))


def _quoted(line: Line, start: int, end: int) -> str:
    text = line.text[start:end].rstrip()
    return line.replaced(start, start + len(text), "'" + text.replace("'", "''") + "'")


def _key_before(line: Line, at: int) -> str:
    words = _WORD.findall(line.text[:at])
    return f"{words[-1]}: " if words and words[-1] in KNOWN else ""


def _second_key(line: Line, i: int, at: int, key: str) -> Repair:
    if re.search(r"[\[{]", line.text[:at]):
        before = len(line.text[:at].rstrip())
        return Repair(i, at, f"a comma is missing before `{key}:`", line.replaced(before, before, ","))
    what = f"two keys on one line: put `{key}:` on a line of its own"
    return Repair(i, at, what, line.text[:at].rstrip(" ,"))
