"""Why a text is no YAML, in plain words: the parser's own often name the line after the mistake. Pure.

Rules offer repairs, line by line. One counts when the parser gets further with it than without.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import yaml

from bridge.config.slips import layout, quoting
from bridge.config.slips.lines import LINE_END
from bridge.config.slips.repair import LONGEST_LINE, Slip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bridge.config.slips.repair import Repair, Rule

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

STRONG: tuple[Rule, ...] = (
    layout.indentation,
    quoting.curly_quotes,
    layout.dash,
    layout.separator,
    layout.list_beside_key,
    layout.foreign,
)
"""What is never meant: a repair is right as soon as the parser finds something else, be it on the same line."""

LIKELY: tuple[Rule, ...] = (
    quoting.variable,
    quoting.wrong_bracket,
    quoting.backslash,
    quoting.text_after,
    quoting.open_quote,
    quoting.colon_in_text,
    quoting.special_character,
    quoting.comment_in_bracket,
    quoting.open_bracket,
)
NEAR: tuple[Rule, ...] = (
    layout.value_below,
    layout.section_without_colon,
    layout.no_dash,
    layout.no_colon,
    layout.other_indentation,
)
"""What almost any line can be taken for: only lines beside the error are looked at."""

NOT_YAML = "not valid YAML"

_OF_A_SCALAR = ("while scanning a quoted scalar", "while scanning a simple key")
_MOST_WORK = 4 * 1024 * 1024
"""Characters that are parsed again, in all: about a second."""

_ABOVE = 300
_BESIDE = 2
_BEYOND = 20


@dataclass(frozen=True, slots=True)
class _Failure:
    """What the parser says. ``line`` is where it went wrong, ``seen`` where it noticed, both from 0."""

    line: int
    seen: int
    column: int
    problem: str


def find_slip(text: str) -> Slip | None:
    """Find what keeps a text from being YAML, in the parser's words where no rule knows better; None where it is."""
    failure = _failure(text, len(text))
    if failure is None:
        return None
    lines = LINE_END.split(text)
    cost = sum(len(line) + 1 for line in lines[: failure.seen + 2])
    for strong, repair in islice(_repairs(lines, failure), max(0, _MOST_WORK // cost)):
        at = repair.line if repair.at is None else repair.at
        repaired = [*lines[:at], *LINE_END.split(repair.text), *lines[at + 1 : failure.seen + _BEYOND]]
        left = _failure("\n".join(repaired), failure.seen)
        if left is None or left.line > failure.line or (strong and left != failure):
            return repair.slip
    what = f"{NOT_YAML}: {failure.problem} (the mistake may be on a line above)"
    if failure.seen >= len(lines):  # libyaml ends the last line itself
        return Slip(len(lines), len(lines[-1]) + 1, what)
    return Slip(failure.seen + 1, failure.column + 1, what)


def _repairs(lines: Sequence[str], failure: _Failure) -> Iterator[tuple[bool, Repair]]:
    """List the repairs that rules offer, the surest rules first, and of each the nearest to the error first."""
    first = min(failure.seen, len(lines) - 1)
    wide = range(first, max(-1, failure.line - _ABOVE), -1)
    near = [failure.line, failure.seen, *range(failure.line - 1, failure.line - 1 - _BESIDE, -1)]
    for rules, where in ((STRONG, wide), (LIKELY, wide), (NEAR, near)):
        for rule in rules:
            for i in dict.fromkeys(where):
                if 0 <= i < len(lines) and len(lines[i]) <= LONGEST_LINE:
                    yield from ((rules is STRONG, repair) for repair in rule(lines, i))


def _failure(text: str, until: int) -> _Failure | None:
    """Parse, and return what is wrong up to a line and shortly behind it."""
    try:
        for event in yaml.parse(text, Loader=LOADER):
            if event.start_mark and event.start_mark.line > until + _BEYOND:
                return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = str(error.problem or error.context)
        if mark is None:
            return _Failure(0, 0, 0, problem)
        # What is wrong about a scalar is where it begins; what is wrong about a list or mapping is where it is noticed.
        begun = error.context_mark if error.context in _OF_A_SCALAR else None
        return _Failure((begun or mark).line, mark.line, mark.column, problem)
    except yaml.YAMLError as error:
        return _Failure(0, 0, 0, str(error))
    return None
