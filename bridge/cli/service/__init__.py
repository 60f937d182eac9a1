"""The bridge as a systemd service: what to write where, decided first (plan), shown, and then done (steps)."""

from __future__ import annotations
