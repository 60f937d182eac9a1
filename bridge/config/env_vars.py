"""``${NAME}``, ``${NAME:-default}`` and ``$$`` in the values of the configuration. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.receivers.templating.template_text import Source, mark

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_SET = "is not set"
_DOLLAR = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})?")


def substitute(text: str, environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """Put the variables in; what they hold is not looked at again.

    With a default, a variable that is set but empty counts as unset, as in the shell.

    Returns:
        The new text, and what was wrong with the old one, in words: the text is useless unless that is empty.
    """
    wrong: list[str] = []

    def value_of(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if match["dollar"]:
            return "$"
        if name is None:
            wrong.append("$ starts a variable: write ${NAME} or ${NAME:-default}, or $$ for a literal dollar")
            return ""
        if default is not None:
            return environ.get(name) or default
        if name not in environ:
            hint = f"set it, put it into .env beside the configuration, or give a default: ${{{name}:-default}}"
            wrong.append(f"the variable {name} {NOT_SET} ({hint})")
        return environ.get(name, "")

    return _DOLLAR.sub(value_of, text), list(dict.fromkeys(wrong))


def marked(text: str, environ: Mapping[str, str]) -> Source:
    """Put marks in place of the variables, for a text that may be a template. A default is the text's own."""
    values: list[str] = []

    def mark_of(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if name is None:
            return "$"
        if default is not None and not environ.get(name):
            return default
        values.append(environ.get(name, ""))
        return mark(len(values) - 1)

    return Source(_DOLLAR.sub(mark_of, text), tuple(values))
