"""The daemon over HTTP: health and metrics."""

from __future__ import annotations

from bridge.http.app import make_app
from bridge.http.server import HttpServer

__all__ = ["HttpServer", "make_app"]
