"""Points from what was written to what may have been meant. Pure."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def suggestion(name: str, allowed: Iterable[str]) -> str:
    """Point to the nearest of the allowed names, or list them."""
    names = sorted(allowed)
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else f"allowed: {', '.join(names)}"
