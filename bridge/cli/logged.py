"""What commands that log do first: ``run`` and ``poll``."""

from __future__ import annotations

from pathlib import Path

import structlog

from bridge.cli.configuration import load_config
from bridge.config.models import Config
from bridge.daemon.logs import configure


def load_with_logs(option: Path | None) -> Config:
    """Read the configuration, and log as it says from now on."""
    settings = load_config(option, as_service=False)
    configure(settings.log.level, settings.log.format, settings.secrets())
    return settings


def log_warnings(settings: Config) -> None:
    """Log what is doubtful in a configuration."""
    for warning in settings.warnings():
        structlog.get_logger().warning("config_warning", why=warning)
