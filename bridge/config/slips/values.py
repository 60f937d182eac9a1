"""Slips that are YAML all the same, with a value of the wrong kind: ``-12345`` is a number, ``name, ops`` a text. Pure.

Only a value that was refused is looked at again: where it is taken, it was meant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.config.slips import layout, quoting
from bridge.config.slips.keys import KNOWN
from bridge.config.slips.lines import read_line
from bridge.config.slips.repair import LONGEST_LINE, Slip, content_above

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Look = Callable[[Sequence[str], int, int], Slip | None]

_BULLET = re.compile(rf"[{layout.DASHES}]\s*\S")
_COMMA_AT_END = re.compile(r"[^\s\"'\[{][^\[\]{}]*([,;])")
_ENDS_INSIDE = ("[", "{", ",")


def second_look(lines: Sequence[str], line: int, column: int) -> Slip | None:
    """Say what makes a value wrong at a line and column, from 1; None where it is no slip that is known."""
    i, at = line - 1, column - 1
    if not 0 <= i < len(lines) or not 0 <= at <= len(lines[i]) or len(lines[i]) > LONGEST_LINE:
        return None
    return next((slip for look in LOOKS if (slip := look(lines, i, at))), None)


def _indentation(lines: Sequence[str], i: int, at: int) -> Slip | None:  # noqa: ARG001 -- as all of them
    repair = next(layout.indentation(lines, i), None)
    return repair.slip if repair and repair.what == layout.ODD_SPACE else None


def _curly_quotes(lines: Sequence[str], i: int, at: int) -> Slip | None:
    return Slip(i + 1, at + 1, quoting.CURLY_QUOTES) if quoting.CURLY_START.match(lines[i], at) else None


def _dash(lines: Sequence[str], i: int, at: int) -> Slip | None:
    if at != read_line(lines[i]).indent:
        return None
    bullet = _BULLET.match(lines[i], at)
    return next((repair.slip for repair in layout.dash(lines, i) if bullet or lines[i][at] == "-"), None)


def _next_line(lines: Sequence[str], i: int, at: int) -> Slip | None:
    """See whether an item goes on in the next line, which was meant to be another item."""
    item = read_line(lines[i])
    if not item.dashed or item.key or at != item.start or i + 1 == len(lines) or lines[i][at : at + 1] in {*"\"'[{|>"}:
        return None
    after = read_line(lines[i + 1])
    if not after.content or after.indent <= item.indent or after.key:
        return None
    what = layout.NOT_INDENTED_ALIKE.format(line=i + 1) if after.dashed else layout.NO_DASH
    return Slip(i + 2, after.indent + 1, what)


def _no_mapping(lines: Sequence[str], i: int, at: int) -> Slip | None:
    """See whether a text was meant to be a key and a value."""
    line = read_line(lines[i])
    first = re.match(r"\w+", line.content)
    if at != line.start or first is None or first[0] not in KNOWN:
        return None
    repairs = (*layout.separator(lines, i), *layout.no_colon(lines, i))
    return repairs[0].slip if repairs else None


def _comma_at_end(lines: Sequence[str], i: int, at: int) -> Slip | None:
    line = read_line(lines[i])
    found = _COMMA_AT_END.fullmatch(line.text, at, line.end)
    above = content_above(lines, i)
    if found is None or (above is not None and read_line(lines[above]).content.endswith(_ENDS_INSIDE)):
        return None  # between the lines of a list in brackets, commas are right
    return Slip(i + 1, found.start(1) + 1, f"remove the `{found[1]}` at the end of the line")


def _template(lines: Sequence[str], i: int, at: int) -> Slip | None:
    if "{{" not in lines[i][max(0, at - 1) : at + 2]:
        return None
    return Slip(i + 1, lines[i].index("{{", max(0, at - 1)) + 1, quoting.IN_QUOTES.format(char="{{"))


LOOKS: tuple[Look, ...] = (_indentation, _curly_quotes, _dash, _next_line, _no_mapping, _comma_at_end, _template)
