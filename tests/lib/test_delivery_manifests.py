"""The same state for Kubernetes and for compose: valid where they are read, and right where no schema looks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lib.delivery.manifests import as_yaml, compose_file, haproxy_configuration, kubernetes_manifests
from lib.delivery.running import Spec
from lib.errors import DeliveryError
from lib.serving.kubernetes import Serving
from lib.serving.proxy_haproxy import find_haproxy
from tests.lib.serving_tools import require_haproxy

ROOT = Path(__file__).resolve().parents[2]
SERVING = Serving(image="registry.example.com/server:1.2", name="houses")
CANARY = Spec(replicas={3: 4, 4: 2}, shares={3: 0.9, 4: 0.1})
STANDING = Spec(replicas={4: 2}, shares={4: 1.0})


@pytest.mark.parametrize("spec", [CANARY, STANDING], ids=["canary", "standing"])
def test_kubernetes_takes_it(tmp_path, spec):
    """By Kubernetes' own schemas, unknown fields refused."""
    file = tmp_path / "production.yaml"
    file.write_text(as_yaml(kubernetes_manifests(spec, SERVING, host="prices.example.com")))
    validate = Path(sys.executable).with_name("kubernetes-validate")
    done = subprocess.run([validate, "--strict", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_version_has_its_pods_its_address_and_its_share():
    """Selectors find the pods of one version; the ingress divides; a standing version has no canary."""
    documents = kubernetes_manifests(CANARY, SERVING, host="prices.example.com")
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in documents}
    for version, count in CANARY.replicas.items():
        deployment = by_name["Deployment", f"houses-v{version}"]
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert labels["app.kubernetes.io/version"] == str(version)
        assert deployment["spec"]["replicas"] == count
        assert deployment["spec"]["selector"]["matchLabels"] == labels
        assert by_name["Service", f"houses-v{version}"]["spec"]["selector"] == labels
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["args"][-2:] == ["--model-version", str(version)]
    annotations = {version: by_name["Ingress", f"houses-v{version}"]["metadata"]["annotations"] for version in (3, 4)}
    assert annotations[3] == {}
    assert annotations[4]["nginx.ingress.kubernetes.io/canary-weight"] == "10"
    kinds = [each["kind"] for each in kubernetes_manifests(STANDING, SERVING, host="h.example.com")]
    assert kinds == ["Deployment", "Service", "Ingress"]
    three = Spec(replicas={1: 1, 2: 1, 3: 1}, shares={1: 1, 2: 1, 3: 1})
    with pytest.raises(DeliveryError, match="3 versions get requests"):
        kubernetes_manifests(three, SERVING, host="h.example.com")


def test_compose_takes_it(tmp_path):
    """By the schema of compose files; nothing but this machine reaches the proxy, and the servers are reached by it."""
    file = tmp_path / "compose.yaml"
    content = compose_file(CANARY, image="mlops-server", name="production")
    file.write_text(as_yaml(content))
    words = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", file]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert content["services"]["v3"]["deploy"]["replicas"] == 4
    assert content["services"]["proxy"]["ports"] == ["127.0.0.1:8080:8080"]
    standing = yaml.safe_load((ROOT / "assets/container/compose.yaml").read_text())
    project, _, network = content["networks"]["back"]["name"].partition("_")
    assert (project, network in standing["networks"]) == (standing["name"], True)
    for secret, where in content["secrets"].items():
        assert standing["secrets"][secret]["file"] == f"../../{where['file']}"
    server = standing["services"]["server"]
    assert content["services"]["v3"]["environment"] == server["environment"]
    assert content["services"]["v3"]["volumes"] == server["volumes"]
    assert content["services"]["v3"]["configs"] == server["configs"]
    assert "--auth" in content["services"]["v3"]["command"]
    assert content["configs"]["signing_key"]["file"] == standing["configs"]["signing_key"]["file"].removeprefix(
        "../../"
    )
    assert {each["name"] for each in content["volumes"].values()} == {"mlops_state", "mlops_access"}
    assert {"state", "access"} <= standing["volumes"].keys()


def test_haproxy_takes_it(tmp_path):
    """HAProxy checks its own file; a replica of the canary weighs what its share of the requests asks for."""
    require_haproxy()
    file = tmp_path / "haproxy.cfg"
    file.write_text(haproxy_configuration(CANARY))
    done = subprocess.run([str(find_haproxy()), "-c", "-f", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    weights = {line.split()[1]: int(line.split()[-1]) for line in file.read_text().splitlines() if "weight" in line}
    assert weights == {"v3-": 256, "v4-": 57}
    assert 2 * weights["v4-"] / (4 * weights["v3-"] + 2 * weights["v4-"]) == pytest.approx(0.1, abs=0.005)
