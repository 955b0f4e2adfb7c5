"""What an environment runs, as Kubernetes and compose would be told it: versions, replicas and shares of requests."""

from __future__ import annotations

import json
from typing import Any

import yaml

from lib.delivery.running import Spec
from lib.errors import DeliveryError
from lib.serving.kubernetes import GUARDED, SIGNER, Manifest, Serving, manifests
from lib.serving.proxy import TOP_WEIGHT

_VERSION = "app.kubernetes.io/version"
_CANARY = "nginx.ingress.kubernetes.io"
_SECRETS = ("mlops_ledger_uri", "mlops_redis_url")
_BESIDE = {"MLOPS_TRACKING_URI": "http://mlflow:5000", "MLOPS_MONITOR_URL": "http://monitor:9109"}
_RESOLVER = "127.0.0.11:53"  # of compose's networks

_HAPROXY = """\
global
    nbthread 1
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    option http-server-close
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
resolvers compose
    nameserver dns {resolver}
frontend clients
    bind :8080
    default_backend replicas
backend replicas
    balance roundrobin
    http-request disable-l7-retry unless {{ method GET HEAD }}
    option httpchk GET /ready
{servers}
"""


def kubernetes_manifests(spec: Spec, serving: Serving, *, host: str) -> list[Manifest]:
    """A Deployment and a Service for each version, and an Ingress at `host` that divides the requests.

    The division is ingress-nginx's: one main version and at most one canary. Raises DeliveryError for more.
    """
    if len(spec.shares) > 2:
        raise DeliveryError(f"{len(spec.shares)} versions get requests, and an ingress divides them between two.")
    base = {document["kind"]: document for document in manifests(serving)}
    documents: list[Manifest] = []
    for version, count in sorted(spec.replicas.items()):
        deployment = _of_version(base["Deployment"], serving, version)
        deployment["spec"]["replicas"] = count
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        container["args"] += ["--model-version", str(version)]
        documents += [deployment, _of_version(base["Service"], serving, version)]
    main = max(spec.shares, key=lambda version: spec.shares[version], default=None)
    for version, share in sorted(spec.shares.items(), key=lambda each: -each[1]):
        percent = None if version == main else round(100 * share / sum(spec.shares.values()))
        documents.append(_ingress(serving, version, host=host, percent=percent))
    return documents


def compose_file(spec: Spec, *, image: str, name: str, secrets: str = "out/container") -> dict[str, Any]:
    """A service for each version, and HAProxy in front of them with their shares as weights, on 127.0.0.1:8080.

    They join the stores of `assets/container/compose.yaml`, which has to be up, and let in whom its server lets in;
    `secrets` is the folder with the addresses and the signer's key that `make secrets` wrote.
    """
    services: dict[str, Any] = {
        f"v{version}": {
            "image": image,
            "command": ["serve", "--host", "0.0.0.0", "--auth", "--model-version", str(version)],  # noqa: S104  of a container
            "deploy": {"replicas": count},
            "environment": {**_BESIDE, **GUARDED},
            "configs": [{"source": "signing_key", "target": SIGNER}],
            "secrets": list(_SECRETS),
            "volumes": ["state:/data", "access:/access"],
            "networks": ["back"],
            **_HARDENED,
        }
        for version, count in sorted(spec.replicas.items())
    }
    services["proxy"] = {
        "image": "haproxy:2.8",
        "configs": [{"source": "haproxy", "target": "/usr/local/etc/haproxy/haproxy.cfg"}],
        "ports": ["127.0.0.1:8080:8080"],
        "networks": ["front", "back"],
        **_HARDENED,
    }
    return {
        "name": name,
        "services": services,
        # Compose would take a dollar as the start of a variable.
        "configs": {
            "haproxy": {"content": haproxy_configuration(spec).replace("$", "$$")},
            "signing_key": {"file": f"{secrets}/signing_key.pub"},
        },
        "volumes": {each: {"external": True, "name": f"mlops_{each}"} for each in ("state", "access")},
        "networks": {"front": {}, "back": {"external": True, "name": "mlops_back"}},
        "secrets": {each: {"file": f"{secrets}/{each}"} for each in _SECRETS},
    }


_HARDENED: dict[str, Any] = {
    "read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"], "tmpfs": ["/tmp"],  # noqa: S108
    "restart": "unless-stopped", "mem_limit": "2g",
}  # fmt: skip


def haproxy_configuration(spec: Spec, *, resolver: str = _RESOLVER) -> str:
    """HAProxy's file: each version by its compose service's name, weighed by its share."""
    parts = {version: share / spec.replicas[version] for version, share in spec.shares.items()}
    top = max(parts.values(), default=1.0)
    servers = "\n".join(
        f"    server-template v{version}- {count} v{version}:8000 check resolvers compose init-addr none "
        f"weight {round(TOP_WEIGHT * parts.get(version, 0.0) / top)}"
        for version, count in sorted(spec.replicas.items())
    )
    return _HAPROXY.format(resolver=resolver, servers=servers)


def as_yaml(documents: list[Manifest] | dict[str, Any]) -> str:
    """One file."""
    plain = json.loads(json.dumps(documents if isinstance(documents, list) else [documents]))
    return "---\n".join(yaml.safe_dump(each, sort_keys=False, width=120) for each in plain)


def _of_version(document: Manifest, serving: Serving, version: int) -> Manifest:
    """The same for one version: a name of its own, and a label wherever pods are labelled or chosen."""
    copy: Manifest = json.loads(json.dumps(document))
    copy["metadata"]["name"] = f"{serving.name}-v{version}"
    _label(copy, document["metadata"]["labels"], version)
    return copy


def _label(part: Any, labels: dict[str, str], version: int) -> None:
    if isinstance(part, dict):
        for each in part.values():
            _label(each, labels, version)
        if labels.items() <= part.items():
            part[_VERSION] = str(version)
    elif isinstance(part, list):
        for each in part:
            _label(each, labels, version)


def _ingress(serving: Serving, version: int, *, host: str, percent: int | None) -> Manifest:
    name = f"{serving.name}-v{version}"
    canary = {} if percent is None else {f"{_CANARY}/canary": "true", f"{_CANARY}/canary-weight": str(percent)}
    backend = {"service": {"name": name, "port": {"name": "http"}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "annotations": canary},
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}],
        },
    }
