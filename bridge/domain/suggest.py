"""Points from what was written to what may have been meant. Pure."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: str, allowed: Iterable[str], alike: float = 0.6) -> str | None:
    """Find the one of the allowed names that was most likely meant; None where none is ``alike``, from 0 to 1."""
    return next(iter(difflib.get_close_matches(name.lower(), sorted(allowed), n=1, cutoff=alike)), None)


def suggestion(name: str, allowed: Iterable[str]) -> str:
    """Point to the nearest of the allowed names, or list them."""
    names = sorted(allowed)
    near = nearest(name, names)
    return f"allowed: {', '.join(names)}" if near is None else f"did you mean `{near}`?"


def unknown_receiver(name: str, configured: Iterable[str]) -> str:
    """Say that there is no such receiver, which there are, and which one may be meant."""
    names = list(configured)
    near = nearest(name, names)
    meant = "" if near is None else f"; did you mean `{near}`?"
    return f"unknown receiver {name!r} (configured: {', '.join(names) or 'none'}){meant}"
