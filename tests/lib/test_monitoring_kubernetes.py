"""The monitor's manifests: valid, up to date, and fitting those of the server that it stands beside."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from lib.cli import _parser
from lib.monitoring.kubernetes import WHY, Watching, manifests
from lib.serving.kubernetes import Serving, as_yaml
from lib.serving.kubernetes import manifests as server_manifests
from lib.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "assets/kubernetes/monitor.yaml"
SERVING = Serving(image="registry.example.com/server:1.2", name="houses", port=8123, monitor_url="http://eye:9200")
WATCHING = Watching(serving=SERVING, name="eye", port=9200, every_s=60, amount=2_900, per="area_m2", secret="eye-token")


@pytest.fixture(scope="module")
def named():
    return {(document["kind"], document["metadata"]["name"]): document for document in manifests(WATCHING)}


@pytest.fixture(scope="module")
def server():
    return {document["kind"]: document for document in server_manifests(SERVING)}


@pytest.fixture(scope="module")
def pod(named):
    return named["Deployment", "eye"]["spec"]["template"]["spec"]


def test_file_is_what_the_generator_writes():
    """Nobody edited it by hand, nor forgot `make assets`; a comment stands above each document."""
    text = runpy.run_path(str(ROOT / "assets/write_kubernetes.py"))["monitor_text"]()
    assert FILE.read_text() == text, "run make assets"
    parts = as_yaml(manifests(WATCHING), why=WHY).split("---\n")
    assert len(parts) == 6
    assert all(part.startswith("# ") for part in parts)


def test_every_document_is_valid_and_a_typo_is_not(tmp_path):
    """Kubernetes' own schemas, unknown fields refused."""
    validate = Path(sys.executable).with_name("kubernetes-validate")
    done = subprocess.run([validate, "--strict", FILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    _, deployment, *_ = yaml.safe_load_all(FILE.read_text())
    deployment["spec"]["replica"] = 1
    (tmp_path / "typo.yaml").write_text(yaml.safe_dump(deployment))
    assert subprocess.run([validate, "--strict", tmp_path / "typo.yaml"], capture_output=True, check=False).returncode


def test_there_is_one_and_never_two(named):
    """The store is one process's: the old one ends before a new one begins."""
    spec = named["Deployment", "eye"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]


def test_it_stands_beside_that_server(named, server, pod):
    """The server's image, claim and stores; each of its replicas by name and port; its log is in the same folder."""
    theirs = server["Deployment"]["spec"]["template"]["spec"]
    (mine,), (other,) = pod["containers"], theirs["containers"]
    assert mine["image"] == other["image"]
    data = [next(each for each in volumes["volumes"] if each["name"] == "data") for volumes in (pod, theirs)]
    assert data[0] == data[1]
    assert {"name": "MLOPS_MONITOR_URL", "value": "http://eye:9200"} in other["env"]
    replicas = named["Service", "houses-each"]["spec"]
    assert replicas["clusterIP"] == "None"
    assert replicas["selector"].items() <= server["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    (port,) = replicas["ports"]
    assert port["port"] == other["ports"][0]["containerPort"]
    assert port["targetPort"] == other["ports"][0]["name"]


def test_it_takes_the_arguments_and_the_environment(pod, monkeypatch):
    """The command line parses, the variables are settings, and the secrets lie where they are read."""
    (container,) = pod["containers"]
    for variable in container["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    options = _parser().parse_args(container["args"])
    assert (options.port, options.server, options.every) == (9200, "http://houses-each:8123", 60.0)
    assert (options.amount, options.per) == (2900.0, "area_m2")
    assert Settings().tracking_uri == SERVING.tracking_uri
    (secrets,) = [each["projected"]["sources"] for each in pod["volumes"] if "projected" in each]
    files = {each["secret"]["name"]: [item["path"] for item in each["secret"]["items"]] for each in secrets}
    assert files == {SERVING.secret: ["mlops_ledger_uri"], "eye-token": [options.token.name, options.key_file.name]}
    assert Settings().signers == {Path("/run/signers/signing_key.pub")}
    assert {"name": "signers", "mountPath": "/run/signers", "readOnly": True} in container["volumeMounts"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts["secrets"] == str(options.token.parent)
    assert mounts.keys() == {volume["name"] for volume in pod["volumes"]}


def test_who_may_ask_it_and_whom_it_may_ask(named, server):
    """Prometheus, Alertmanager and the server come in; names, the server and two stores are gone out to."""
    policy = named["NetworkPolicy", "eye"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (coming,) = policy["ingress"]
    assert [_name(peer) for peer in coming["from"]] == ["prometheus", "alertmanager", "houses"]
    assert [each["port"] for each in coming["ports"]] == [9200]
    going = {_name(peer): [each["port"] for each in rule["ports"]] for rule in policy["egress"] for peer in rule["to"]}
    assert going == {"kube-dns": [53, 53], "houses": [8123], "mlflow": [5000], "postgres": [5432]}


def test_the_server_may_be_asked_by_it_and_no_more(named, server):
    """Policies add up: the second one opens two doors of the server's pods, and is about no others."""
    added = named["NetworkPolicy", "houses-eye"]["spec"]
    assert added["podSelector"] == server["NetworkPolicy"]["spec"]["podSelector"] or (
        added["podSelector"]["matchLabels"].items()
        <= server["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    )
    ((asks,), (asked,)) = added["ingress"], added["egress"]
    assert ([_name(peer) for peer in asks["from"]], asks["ports"][0]["port"]) == (["eye"], 8123)
    assert ([_name(peer) for peer in asked["to"]], asked["ports"][0]["port"]) == (["eye"], 9200)


def _name(peer: dict) -> str:
    (name,) = peer["podSelector"]["matchLabels"].values()
    return name


def test_it_has_few_rights(pod, server):
    """Those of the server, no more."""
    theirs = server["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"] == theirs["securityContext"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"][0]["securityContext"] == theirs["containers"][0]["securityContext"]
    requests, limits = (pod["containers"][0]["resources"][name] for name in ("requests", "limits"))
    assert (requests["cpu"], limits["cpu"], limits["memory"]) == ("250m", "1000m", requests["memory"])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"name": "houses"}, "would send requests here"), ({"amount": None}, "for each area_m2"), ({"cpus": 1}, "cpus")],
)
def test_what_would_not_run_is_refused(wrong, said):
    """Each is an error before anything is applied."""
    with pytest.raises(ValidationError, match=said):
        Watching(**{**WATCHING.model_dump(), **wrong})
