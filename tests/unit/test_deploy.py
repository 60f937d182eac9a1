"""What is in deploy/ fits together: image, compose files and manifests agree on users, ports, files and secrets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.server.auth import OPEN
from tests.world.deploy import image, manifest, manifests

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KINDS = ["sqlite", "postgres"]
CONFIG = "/etc/wbiz-bridge"
SECRETS = "/run/secrets"


def compose(name: str = "compose.yaml") -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8")))


def config(kind: str) -> dict[str, Any]:
    return dict(yaml.safe_load(manifest(kind, "ConfigMap")["data"]["config.yaml"]))


def pod(kind: str) -> dict[str, Any]:
    return dict(manifest(kind, "Deployment")["spec"]["template"]["spec"])


def container(kind: str) -> dict[str, Any]:
    (found,) = pod(kind)["containers"]
    return dict(found)


def secrets_in(settings: Any) -> set[str]:
    return set(re.findall(rf"{SECRETS}/([\w-]+)", yaml.safe_dump(settings)))


def test_configuration_is_the_same_for_compose_and_kubernetes() -> None:
    composed = yaml.safe_load((DEPLOY / "config" / "config.yaml").read_text(encoding="utf-8"))
    assert composed == config("sqlite")
    assert config("postgres") == {**composed, "database_file": f"{SECRETS}/database-url"}


def test_secrets_of_the_configuration_are_there() -> None:
    assert set(compose()["services"]["bridge"]["secrets"]) == secrets_in(config("sqlite"))
    more = set(compose("compose.postgres.yaml")["services"]["bridge"]["secrets"])
    assert more == secrets_in(config("postgres")) - secrets_in(config("sqlite"))
    shown = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    for name in ("compose.yaml", "compose.postgres.yaml"):
        for secret, told in compose(name)["secrets"].items():
            assert told == {"file": f"./secrets/{secret}"}
            assert f"secrets/{secret}" in shown
    assert "/deploy/secrets/" in ignored


def test_image_is_built_from_what_docker_may_see() -> None:
    seen = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"}
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for names in copied for name in names.split()} == seen
    for link in (each for name in seen for each in (ROOT / name).rglob("*") if each.is_symlink()):
        assert link.resolve().relative_to(ROOT).parts[0] in seen, link


def test_image_runs_as_a_number_with_its_state_on_a_volume() -> None:
    made = image()
    assert made.user == "65532:65532"
    assert made.volume == made.environment["STATE_DIRECTORY"]
    assert made.environment["WBIZ_BRIDGE_CONFIG"] == f"{CONFIG}/config.yaml"
    assert made.command == ["tini", "--", "wbiz-bridge", "run"]


@pytest.mark.parametrize("kind", KINDS)
def test_pod_has_no_rights(kind: str) -> None:
    security = pod(kind)["securityContext"]
    uid, gid = map(int, image().user.split(":"))
    assert (security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (uid, gid, gid)
    assert security["runAsNonRoot"]
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(kind)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not pod(kind)["automountServiceAccountToken"]


@pytest.mark.parametrize("kind", KINDS)
def test_pod_is_asked_without_a_token_at_the_port_that_it_listens_at(kind: str) -> None:
    (port,) = container(kind)["ports"]
    assert config(kind)["http"]["listen"] == f"0.0.0.0:{port['containerPort']}"
    paths = {name: container(kind)[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {each["port"] for each in paths.values()} == {port["name"]}
    assert {name: each["path"] for name, each in paths.items()} == {
        "startup": "/healthz",
        "liveness": "/healthz",
        "readiness": "/readyz",
    }
    assert {each["path"] for each in paths.values()} <= OPEN
    (served,) = manifest(kind, "Service")["spec"]["ports"]
    assert served["targetPort"] == port["name"]
    (published,) = compose()["services"]["bridge"]["ports"]
    assert published == f"127.0.0.1:{served['port']}:{port['containerPort']}"


@pytest.mark.parametrize("kind", KINDS)
def test_mounts_lead_to_volumes_where_the_image_looks(kind: str) -> None:
    volumes = {each["name"]: each for each in pod(kind)["volumes"]}
    mounted = {each["mountPath"]: volumes.pop(each["name"]) for each in container(kind)["volumeMounts"]}
    assert volumes == {}
    assert mounted[CONFIG]["configMap"] == {"name": manifest(kind, "ConfigMap")["metadata"]["name"]}
    assert mounted[SECRETS]["secret"]["defaultMode"] == 0o440
    assert (image().volume in mounted) == (kind == "sqlite")


@pytest.mark.parametrize("kind", KINDS)
def test_selectors_find_the_pods(kind: str) -> None:
    labels = manifest(kind, "Deployment")["spec"]["template"]["metadata"]["labels"]
    for each in manifests(kind):
        assert each["metadata"]["labels"] == labels
        assert "namespace" not in each["metadata"]
        if each["kind"] in {"Deployment", "PodDisruptionBudget"}:
            assert each["spec"]["selector"]["matchLabels"] == labels
    assert manifest(kind, "Service")["spec"]["selector"] == labels


def test_sqlite_has_one_daemon_at_a_time() -> None:
    spec = manifest("sqlite", "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert manifest("postgres", "Deployment")["spec"]["replicas"] > 1
