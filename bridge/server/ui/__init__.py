"""The page: what a person sees of the bridge in a browser.

Plain HTML that the server makes, one sheet of style, and one script that the pages work without.
"""

from __future__ import annotations

from bridge.http.page.routes import Pages, make_pages

__all__ = ["Pages", "make_pages"]
