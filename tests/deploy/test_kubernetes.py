"""The manifests are what Kubernetes takes, and hold to our own rules."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import kubernetes_validate
import pytest
import yaml

from portal.health import readiness
from portal.stack.one import NAMES
from portal.stack.processes import ROOT

HERE = ROOT / "deploy" / "kubernetes"
Manifest = dict[str, Any]
# What the fields in use exist in: the oldest version that is meant, and a new one.
VERSIONS = ("1.31", "1.37")


def documents(path: Path) -> Iterator[Manifest]:
    yield from (each for each in yaml.safe_load_all(path.read_text()) if each)


def manifests() -> list[Manifest]:
    listed = yaml.safe_load((HERE / "kustomization.yaml").read_text())["resources"]
    assert {*listed, "kustomization.yaml", "secrets.example.yaml", "shipping"} == {
        path.name for path in HERE.iterdir()
    }
    return [each for name in listed for each in documents(HERE / name)]


ALL = manifests()
WORKLOADS = {
    each["metadata"]["name"]: each
    for each in ALL
    if each["kind"] in {"Deployment", "StatefulSet", "Job"}
}


def of(kind: str, name: str) -> Manifest:
    [found] = [m for m in ALL if m["kind"] == kind and m["metadata"]["name"] == name]
    return found


def pod(name: str) -> Manifest:
    spec: Manifest = WORKLOADS[name]["spec"]["template"]["spec"]
    return spec


def containers(name: str) -> list[Manifest]:
    return [*pod(name).get("initContainers", []), *pod(name)["containers"]]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_fits_its_schema(version: str) -> None:
    for each in [*ALL, *documents(HERE / "secrets.example.yaml")]:
        kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("name", WORKLOADS)
def test_no_container_may_more_than_it_needs(name: str) -> None:
    spec = pod(name)
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(name):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_process_gets_two_cores_and_two_gigabytes_at_most(name: str) -> None:
    [main, *beside] = pod(name)["containers"]
    assert main["resources"]["limits"] == {"cpu": "2", "memory": "2Gi"}
    for container in [*beside, *pod(name).get("initContainers", [])]:
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}
        assert container["resources"]["limits"]["cpu"] == "250m"


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_argument_names_a_process_and_every_mount_a_volume(name: str) -> None:
    claims = WORKLOADS[name]["spec"].get("volumeClaimTemplates", [])
    volumes = {each["name"] for each in [*pod(name)["volumes"], *(c["metadata"] for c in claims)]}
    for container in containers(name):
        assert "command" in container or container["args"][0] in NAMES
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


def test_every_process_runs_somewhere() -> None:
    [shipper] = documents(HERE / "shipping" / "shipper.yaml")
    beside = shipper["spec"]["template"]["spec"]["containers"]
    everything = [*beside, *(each for name in WORKLOADS for each in containers(name))]
    assert {each["args"][0] for each in everything if "args" in each} == set(NAMES)


def test_web_scales_from_three_to_ten_and_two_always_serve() -> None:
    scaler = of("HorizontalPodAutoscaler", "web")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 10)
    assert {
        m["containerResource"]["name"]: m["containerResource"]["target"]["averageUtilization"]
        for m in scaler["metrics"]
    } == {"cpu": 80, "memory": 90}
    target = scaler["scaleTargetRef"]
    assert of(target["kind"], target["name"])["spec"]["replicas"] == 3
    assert of("PodDisruptionBudget", "web")["spec"]["minAvailable"] == 2


def test_web_is_probed_where_it_answers_for_that() -> None:
    web = pod("web")["containers"][0]
    paths = {kind: web[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness")}
    assert paths == {"startup": "/health/live", "liveness": "/health/live"}
    path, _, query = web["readinessProbe"]["httpGet"]["path"].partition("?")
    assert path == "/health/ready"
    # What all pods share takes none of them away: they answer for it, and serve the status page.
    assert set(parse_qs(query)["part"]) == {"gate", "journal"} < set(readiness.checks)


def test_a_request_may_end_before_its_pod_is_killed() -> None:
    web = pod("web")["containers"][0]
    waits = int(web["lifecycle"]["preStop"]["exec"]["command"][1])
    [grace] = [int(each["value"]) for each in web["env"] if each["name"] == "VIGIL_GRACE"]
    assert grace >= 60
    assert pod("web")["terminationGracePeriodSeconds"] > waits + grace


def secrets_of(name: str) -> set[str]:
    return {each["secret"]["secretName"] for each in pod(name)["volumes"] if "secret" in each}


def test_the_logs_key_is_the_signers_alone() -> None:
    assert [name for name in WORKLOADS if "vigil-signer-key" in secrets_of(name)] == ["signer"]
    assert [name for name in WORKLOADS if "vigil-signer" in secrets_of(name)] == ["signer"]
    assert [name for name in WORKLOADS if "vigil-owner" in secrets_of(name)] == ["migrate"]


def test_every_pod_opens_what_is_sealed_about_people_with_one_key() -> None:
    """Made by each for itself, nobody could read what another one wrote."""
    assert {name for name in WORKLOADS if "vigil-subject-key" in secrets_of(name)} == {
        *("web", "worker", "migrate")
    }
    for name in ("web", "worker", "migrate"):
        main = pod(name)["containers"][0]
        [path] = [each["value"] for each in main["env"] if each["name"] == "VIGIL_SUBJECT_KEY"]
        assert path == "/run/secrets/subjects/key"
        assert {"name": "subjects", "mountPath": "/run/secrets/subjects", "readOnly": True} in (
            main["volumeMounts"]
        )


def test_there_is_never_a_second_signer_or_beat() -> None:
    for name in ("signer", "beat"):
        spec = WORKLOADS[name]["spec"]
        assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert WORKLOADS["sequencer"]["spec"]["replicas"] == 2


def test_every_pod_that_writes_a_journal_keeps_it_on_a_disk_of_its_own() -> None:
    for name in ("web", "worker"):
        spec = WORKLOADS[name]["spec"]
        [claim] = spec["volumeClaimTemplates"]
        assert claim["metadata"]["name"] == "var"
        assert set(spec["persistentVolumeClaimRetentionPolicy"].values()) == {"Retain"}
        assert ["sealer"] in [each.get("args") for each in containers(name)]


def test_what_is_not_allowed_by_name_is_denied() -> None:
    denied = of("NetworkPolicy", "default-deny")["spec"]
    assert denied == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for each in ALL:
        if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] != "default-deny":
            for rule in [*each["spec"].get("ingress", []), *each["spec"].get("egress", [])]:
                assert rule["ports"]
                assert rule.get("to") or rule.get("from")


def test_no_secret_is_in_the_kustomization() -> None:
    assert all(each["kind"] != "Secret" for each in ALL)
    used = set().union(*(secrets_of(name) for name in WORKLOADS))
    examples = {each["metadata"]["name"] for each in documents(HERE / "secrets.example.yaml")}
    assert used == examples
    text = (HERE / "secrets.example.yaml").read_text()
    assert all("REPLACE" in value for value in re.findall(r'^  \w+: "(.*)"$', text, re.MULTILINE))


KUBECTL = shutil.which("kubectl") or ""


@pytest.mark.skipif(not KUBECTL, reason="kubectl is not installed")
def test_shipping_adds_a_shipper_beside_whoever_writes_a_journal(tmp_path: Path) -> None:
    shutil.copytree(HERE, tmp_path / "k")
    own = tmp_path / "k" / "kustomization.yaml"
    own.write_text(own.read_text().replace("# components:", "components:"))
    done = subprocess.run(
        [KUBECTL, "kustomize", str(tmp_path / "k")], capture_output=True, text=True, check=True
    )
    found = [each for each in yaml.safe_load_all(done.stdout) if each]
    for version in VERSIONS:
        for each in found:
            kubernetes_validate.validate(each, version, strict=True)
    assert len(found) == len(ALL) + 1
    shippers: dict[str, Manifest] = {}
    for each in found:
        if each["kind"] == "ConfigMap" and each["metadata"]["name"] == "vigil":
            assert each["data"]["VIGIL_JOURNAL_SHIP"].startswith("syslog+tls://")
            assert each["data"].keys() > {"VIGIL_ORIGIN"}
        if each["kind"] in {"Deployment", "StatefulSet", "Job"}:
            for container in each["spec"]["template"]["spec"]["containers"]:
                if container["args"] == ["shipper"]:
                    shippers[each["metadata"]["name"]] = container
    assert shippers.keys() == {"web", "worker"}
    plain = {each["name"]: each for each in containers("web")}["sealer"]
    for container in shippers.values():
        assert container["securityContext"] == plain["securityContext"]
        assert container["resources"] == plain["resources"]
        assert {"name": "var", "mountPath": "/var/lib/vigil"} in container["volumeMounts"]
