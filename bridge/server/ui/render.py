"""Makes HTML of what is to be shown. Whatever comes from outside is escaped: every template escapes by itself."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2

from bridge import __version__
from bridge.domain.check import counted
from bridge.domain.clock import ago, isoformat
from bridge.domain.model import UNSEEN, Status
from bridge.receivers import wording
from bridge.server.ui import formatting, timeline
from bridge.server.ui.messages import ORDERS
from bridge.server.ui.period import CHANGED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STATIC: Mapping[str, str] = {
    "style.css": "text/css; charset=utf-8",
    "figures.css": "text/css; charset=utf-8",
    "docs.css": "text/css; charset=utf-8",
    "script.js": "text/javascript; charset=utf-8",
    "well.svg": "image/svg+xml",
    "ill.svg": "image/svg+xml",
}
"""The files beside the pages, and what they are."""

STATUSES = (*map(str, Status), UNSEEN)
"""The statuses by which one can search; ``unseen`` are messages not seen yet."""

EXPLAINED = (Status.EXPIRED, Status.CANCELLED, Status.UNKNOWN, "stuck", UNSEEN)
"""The statuses that the help page explains, wherever one is shown."""


_FILTERS: Mapping[str, Callable[..., object]] = {
    "iso": isoformat,
    **{
        each.__name__: each
        for each in (
            *(ago, counted, wording.cause_of, wording.error_of, wording.label_of),
            *(formatting.brief, formatting.code, formatting.moment_in, formatting.number, formatting.seconds),
            *(formatting.state_name, formatting.status_name, formatting.upper_first),
            *(timeline.about, timeline.look_of, timeline.title_of),
        )
    },
}
"""What templates may use."""


@cache
def static(name: str) -> bytes:
    """Read one of the files beside the pages."""
    return resources.files("bridge.server.ui").joinpath("static", name).read_bytes()


@cache
def stamp() -> str:
    """Name this version of these files, so that a browser may keep each for ever."""
    return hashlib.sha256(b"".join(map(static, STATIC))).hexdigest()[:12]


@cache
def alert_help() -> Mapping[str, str]:
    """Read ``alerts.md``: what each alert for Prometheus means, and what to do; what is between backticks is code."""
    text = resources.files("bridge.server.ui").joinpath("alerts.md").read_text(encoding="utf-8")
    _, *sections = text.split("\n## ")
    return {name: words.strip() for name, _, words in (section.partition("\n") for section in sections)}


def root_of(path: str) -> str:
    """Tell the way back to the first page, relative to a path: it holds under any prefix of a proxy."""
    depth = path.count("/") - 1
    return "../" * depth if depth > 0 else "./"


def render(template: str, path: str, **shown: Any) -> str:
    """Render a page.

    Args:
        template: Its file.
        path: The path that was asked for, from which links are relative.
        shown: What it shows.
    """
    return _environment().get_template(template).render(root=root_of(path), **shown)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bridge.server.ui"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _FILTERS
    environment.globals |= {
        "stamp": stamp(),
        "version": __version__,
        "statuses": STATUSES,
        "periods": CHANGED,
        "orders": ORDERS,
        "explained": EXPLAINED,
    }
    return environment
