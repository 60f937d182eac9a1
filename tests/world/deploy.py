"""What is in deploy/, for tests that hold it together and tests that run it."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_DEPLOY = Path(__file__).parents[2] / "deploy"


@dataclass(frozen=True)
class Image:
    """How an engine runs the image, unless it is told otherwise."""

    user: str
    environment: dict[str, str]
    command: list[str]
    health_check: list[str]
    volume: str


def image() -> Image:
    """Read what the Dockerfile says in its last stage."""
    text = (_DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    _, _, stage = text.rpartition("\nFROM ")
    said = dict(line.split(maxsplit=1) for line in stage.splitlines()[1:] if line.strip())
    _, _, health_check = said["HEALTHCHECK"].partition(" CMD ")
    return Image(
        user=said["USER"],
        environment=dict(pair.split("=", 1) for pair in shlex.split(said["ENV"])),
        command=[*json.loads(said["ENTRYPOINT"]), *json.loads(said["CMD"])],
        health_check=json.loads(health_check),
        volume=said["VOLUME"],
    )


def manifests(name: str) -> list[dict[str, Any]]:
    """Read all objects in a file for Kubernetes."""
    return list(yaml.safe_load_all((_DEPLOY / "kubernetes" / f"{name}.yaml").read_text(encoding="utf-8")))


def manifest(name: str, kind: str) -> dict[str, Any]:
    """Read the one object of a kind."""
    (found,) = (each for each in manifests(name) if each["kind"] == kind)
    return found
