"""The daemon over HTTP: health and metrics, and the API."""

from __future__ import annotations

from bridge.http.access import Access
from bridge.http.app import make_app
from bridge.http.inside import Inside
from bridge.http.server import HttpServer
from bridge.http.streams import Streams

__all__ = ["Access", "HttpServer", "Inside", "Streams", "make_app"]
