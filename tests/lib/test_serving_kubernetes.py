"""The manifests: valid, up to date, and right where no schema looks."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from lib.cli import _parser
from lib.serving.app import create_app
from lib.serving.autoscale import AutoscalePolicy
from lib.serving.kubernetes import Serving, as_yaml, manifests
from lib.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "assets/kubernetes/serving.yaml"
SERVING = Serving(image="registry.example.com/server:1.2", name="houses", port=8123, drain_s=7, cpu=0.25)


@pytest.fixture
def kinds():
    return {document["kind"]: document for document in manifests(SERVING)}


@pytest.fixture
def container(kinds):
    (only,) = kinds["Deployment"]["spec"]["template"]["spec"]["containers"]
    return only


def test_file_is_what_the_generator_writes():
    """Nobody edited it by hand, nor forgot `make assets`."""
    text = runpy.run_path(str(ROOT / "assets/write_kubernetes.py"))["text"]()
    assert FILE.read_text() == text, "run make assets"


def test_every_document_is_valid_and_a_typo_is_not(tmp_path):
    """Kubernetes' own schemas, unknown fields refused."""
    validate = Path(sys.executable).with_name("kubernetes-validate")
    done = subprocess.run([validate, "--strict", FILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    *_, last = yaml.safe_load_all(FILE.read_text())
    last["spec"]["podSelecter"] = {}
    (tmp_path / "typo.yaml").write_text(yaml.safe_dump(last))
    assert subprocess.run([validate, "--strict", tmp_path / "typo.yaml"], capture_output=True, check=False).returncode


def test_every_document_says_why():
    """A comment stands above each, and equal parts are written out."""
    parts = as_yaml(manifests(SERVING)).split("---\n")
    assert len(parts) == 7
    assert all(part.startswith("# ") for part in parts)
    assert "&id" not in "".join(parts)


def test_selectors_find_the_pods(kinds):
    """Service, budget, network policy, spread and the Deployment itself mean the same pods."""
    labels = kinds["Deployment"]["spec"]["template"]["metadata"]["labels"]
    pod = kinds["Deployment"]["spec"]["template"]["spec"]
    selectors = [
        kinds["Deployment"]["spec"]["selector"]["matchLabels"],
        kinds["Service"]["spec"]["selector"],
        kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        kinds["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        *(each["labelSelector"]["matchLabels"] for each in pod["topologySpreadConstraints"]),
    ]
    for selector in selectors:
        assert selector
        assert selector.items() <= labels.items()


def test_names_that_refer_are_there(kinds):
    """The autoscaler's target, the service account, the claim; mounts have volumes."""
    target = kinds["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    deployment = kinds["Deployment"]
    assert (target["apiVersion"], target["kind"], target["name"]) == (
        deployment["apiVersion"], "Deployment", deployment["metadata"]["name"],
    )  # fmt: skip
    assert "replicas" not in deployment["spec"]
    pod = deployment["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == kinds["ServiceAccount"]["metadata"]["name"]
    claims = [each["persistentVolumeClaim"]["claimName"] for each in pod["volumes"] if "persistentVolumeClaim" in each]
    assert claims == [kinds["PersistentVolumeClaim"]["metadata"]["name"]]
    mounted = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_ports_agree(kinds, container):
    """The server is told the port that the container names; the policy opens it; the Service and the probes use it."""
    assert {"name": "PORT", "value": "8123"} in container["env"]
    assert container["ports"] == [{"name": "http", "containerPort": 8123}]
    assert [port["port"] for rule in kinds["NetworkPolicy"]["spec"]["ingress"] for port in rule["ports"]] == [8123]
    used = [port["targetPort"] for port in kinds["Service"]["spec"]["ports"]]
    used += [container[f"{name}Probe"]["httpGet"]["port"] for name in ("startup", "liveness", "readiness")]
    assert set(used) == {"http"}


def test_server_takes_the_arguments_and_the_environment(container, monkeypatch):
    """The command line parses, the variables are settings, and the secrets' files are, too."""
    for variable in container["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    options = _parser().parse_args(container["args"])
    assert (options.port, options.drain, options.wait) == (8123, 7.0, True)
    assert Settings().tracking_uri == SERVING.tracking_uri
    pod = manifests(SERVING)[2]["spec"]["template"]["spec"]
    files = [item["path"] for volume in pod["volumes"] for item in volume.get("secret", {}).get("items", ())]
    settings = {name.removeprefix("mlops_") for name in files if name.startswith("mlops_")}
    assert settings == {"ledger_uri", "redis_url"} <= set(Settings.model_fields)


def test_replicas_share_people_and_keys_and_believe_the_same_signers(kinds, container):
    """Each setting names a file that a Secret or a ConfigMap brings, read-only; the text holds no secret."""
    pod = kinds["Deployment"]["spec"]["template"]["spec"]
    assert _parser().parse_args(container["args"]).auth
    brought = {}
    for volume in pod["volumes"]:
        kept = volume.get("secret") or volume.get("configMap") or {}
        (mount,) = (each for each in container["volumeMounts"] if each["name"] == volume["name"])
        brought |= {f"{mount['mountPath']}/{item['path']}": mount["readOnly"] for item in kept.get("items", ())}
    given = {each["name"]: each["value"] for each in container["env"]}
    asked = [*json.loads(given["MLOPS_SIGNERS"]), given["MLOPS_PSEUDONYM_KEYS"]]
    asked += [f"{given['MLOPS_ACCESS']}/{name}" for name in ("access.db", "token.key")]
    assert {file: brought.get(file) for file in asked} == dict.fromkeys(asked, True)
    assert {each["kind"] for each in kinds.values()} & {"Secret", "ConfigMap"} == set()


def test_probes_ask_addresses_that_the_server_has(container, tmp_path):
    """Liveness never depends on a model."""
    routes = {getattr(route, "path", None) for route in create_app("x", settings=Settings(root=tmp_path)).routes}
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/live", "liveness": "/live", "readiness": "/ready"}
    assert set(paths.values()) <= routes


def test_no_request_is_lost_on_the_way_out(kinds, container):
    """The door is closed after endpoints have gone, the kill comes later; a roll-out has no fewer replicas."""
    pod = kinds["Deployment"]["spec"]["template"]["spec"]
    drain = float(container["args"][container["args"].index("--drain") + 1])
    readiness = container["readinessProbe"]
    assert drain > readiness["periodSeconds"] * readiness["failureThreshold"]
    assert pod["terminationGracePeriodSeconds"] >= drain + 10
    assert kinds["Deployment"]["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    autoscaler = kinds["HorizontalPodAutoscaler"]["spec"]
    assert autoscaler["minReplicas"] - kinds["PodDisruptionBudget"]["spec"]["maxUnavailable"] >= 1


def test_replicas_have_few_rights(kinds, container):
    """No root, no token, no capability, a read-only root; requests within limits, so that the autoscaler has a base."""
    pod = kinds["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert f"USER {pod['securityContext']['runAsUser']}:" in (ROOT / "assets/container/Dockerfile").read_text()
    assert pod["automountServiceAccountToken"] is False
    security = container["securityContext"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["readOnlyRootFilesystem"] is True
    requests, limits = container["resources"]["requests"], container["resources"]["limits"]
    assert (requests["cpu"], limits["cpu"]) == ("250m", "1000m")
    assert requests["memory"] == limits["memory"]
    assert {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")} == {"/data", "/tmp"}


def test_network_lets_out_to_the_stores_only(kinds):
    """Names and three stores, by port; an empty rule, which would allow everything, is not among them."""
    policy = kinds["NetworkPolicy"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert sorted(port["port"] for rule in policy["egress"] for port in rule["ports"]) == [53, 53, 5000, 5432, 6379]
    peers = [peer for rule in policy["egress"] for peer in rule["to"]]
    peers += [peer for rule in policy["ingress"] for peer in rule["from"]]
    assert all(peer["podSelector"]["matchLabels"] for peer in peers)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"image": "server:latest"}, "another image tomorrow"),
        ({"image": "server"}, "pattern"),
        ({"policy": AutoscalePolicy(target=0.5)}, "nobody answers while that replica moves"),
        ({"cpu": 2.0}, "more than cpu_limit"),
        ({"ports": 80}, "ports"),
    ],
)
def test_what_would_not_run_well_is_refused(wrong, said):
    """Each is an error before anything is applied."""
    with pytest.raises(ValidationError, match=said):
        Serving(**{"image": "server:1", **wrong})
