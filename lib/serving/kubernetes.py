"""The server on Kubernetes: one settings object becomes the manifests, so that ports, names and times agree."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lib.serving.autoscale import AutoscalePolicy, hpa_manifest

Manifest = dict[str, Any]

USER = 10_001  # the image's
ANSWER_S = 30  # how long what was taken may still be under way when the door is closed
_SECRETS = ("mlops_ledger_uri", "mlops_redis_url")
_ACCESS = ("access.db", "token.key", "pseudonym_keys.json")
SIGNER = "/run/signers/signing_key.pub"
GUARDED = {
    "MLOPS_ACCESS": "/access", "MLOPS_PSEUDONYM_KEYS": "/access/pseudonym_keys.json",
    "MLOPS_SIGNERS": json.dumps([SIGNER]),
}  # fmt: skip
"""Where a server in a container finds who may, what pseudonyms are made with, and whose signature is believed."""
_WHY = {
    "ServiceAccount": "An identity of its own, which may do nothing: the server never asks Kubernetes for anything.",
    "PersistentVolumeClaim": "The prediction log. Every replica adds files of its own, so all may share one folder.",
    "Deployment": "No number of replicas here: the autoscaler owns it, and this file must not reset it.\n"
    "A new version is added before an old one goes; it is asked nothing until /ready says so. Between SIGTERM and\n"
    "the closed door (--drain) /ready says 503 and requests are still answered, so no preStop hook is needed.",
    "Service": "The one address of all replicas that are ready.",
    "HorizontalPodAutoscaler": "lib/serving/autoscale.py runs the same policy on one machine.",
    "PodDisruptionBudget": "Emptied nodes take one replica at a time.",
    "NetworkPolicy": "In: the ingress and Prometheus. Out: names, and the three stores. Nothing else, either way.",
}


class Serving(BaseModel):
    """How the server runs: `cpu` and `memory_mb` are requested for each replica, `cpu_limit` is what it may burst to.

    `secret` names the Secret with the addresses of ledger and Redis (keys mlops_ledger_uri and mlops_redis_url),
    `access` the one with the people who have keys, the key of their tokens and those of pseudonyms, which all replicas
    share (access.db, token.key, pseudonym_keys.json), and `signers` the ConfigMap with whose signature is believed
    (signing_key.pub). `drain_s` are the seconds between SIGTERM and the closed door,
    `monitor_url` is the monitor whose figures it shows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str = Field(pattern=r"^[a-z0-9][a-z0-9._/:-]*(:[\w.-]+|@sha256:[0-9a-f]{64})$")
    name: str = Field(default="model-server", pattern=r"^[a-z]([a-z0-9-]{0,50}[a-z0-9])?$")
    policy: AutoscalePolicy = AutoscalePolicy(target=0.7, minimum=2, maximum=10)
    port: int = Field(default=8000, ge=1024, le=65535)
    drain_s: int = Field(default=10, ge=0)
    cpu: float = Field(default=0.5, gt=0)
    cpu_limit: float = Field(default=1.0, gt=0)
    memory_mb: int = Field(default=1024, ge=256)
    log_gb: int = Field(default=20, ge=1)
    tracking_uri: str = "http://mlflow:5000"
    monitor_url: str | None = None
    secret: str = "model-server"  # noqa: S105  a name, not what it holds
    access: str = "model-server-access"
    signers: str = "model-server-signers"

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.image.endswith(":latest"):
            raise ValueError(f"{self.image} is another image tomorrow. Name a version or a digest.")
        if self.policy.minimum < 2:
            raise ValueError("the policy's minimum is 1, and nobody answers while that replica moves. Give 2 or more.")
        if self.cpu > self.cpu_limit:
            raise ValueError(f"cpu {self.cpu} is more than cpu_limit {self.cpu_limit}. Request at most the limit.")
        return self


def manifests(serving: Serving) -> list[Manifest]:
    """Everything that the server needs in its namespace but the Secrets, which no file may hold, and the signers."""
    hpa = hpa_manifest(serving.policy, name=serving.name)
    hpa["metadata"]["labels"] = _labels(serving)
    return [
        _document("v1", "ServiceAccount", serving, automountServiceAccountToken=False),
        _document("v1", "PersistentVolumeClaim", serving, spec=_claim(serving)),
        _document("apps/v1", "Deployment", serving, spec=_deployment(serving)),
        _document("v1", "Service", serving, spec=_service(serving)),
        hpa,
        _document("policy/v1", "PodDisruptionBudget", serving, spec=_budget(serving)),
        _document("networking.k8s.io/v1", "NetworkPolicy", serving, spec=_network(serving)),
    ]


def as_yaml(documents: Sequence[Manifest], *, why: Mapping[str, str] = _WHY) -> str:
    """The documents as one file for `kubectl apply`, each under a comment that says why it is as it is."""
    import yaml

    parts = []
    for document in documents:
        comment = "".join(f"# {line}\n" for line in why.get(document["kind"], "").splitlines())
        plain = json.loads(json.dumps(document))  # without it, equal parts become YAML's aliases
        parts.append(comment + yaml.safe_dump(plain, sort_keys=False, width=120))
    return "---\n".join(parts)


def pod_security() -> Manifest:
    """The image's user, never root, with the runtime's own filter of system calls."""
    return {"runAsNonRoot": True, "runAsUser": USER, "fsGroup": USER, "seccompProfile": {"type": "RuntimeDefault"}}


def container_security() -> Manifest:
    """No way to more rights, and nothing to write to but volumes."""
    return {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def _document(version: str, kind: str, serving: Serving, **content: Any) -> Manifest:
    metadata = {"name": serving.name, "labels": _labels(serving)}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def _labels(serving: Serving) -> dict[str, str]:
    return {"app.kubernetes.io/name": serving.name, "app.kubernetes.io/component": "serving"}


def _claim(serving: Serving) -> Manifest:
    return {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": f"{serving.log_gb}Gi"}}}


def _deployment(serving: Serving) -> Manifest:
    pod = {
        "serviceAccountName": serving.name,
        "automountServiceAccountToken": False,
        # Kubernetes would set a variable for each Service; one called mlops-… would look like a misspelt setting.
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": serving.drain_s + ANSWER_S,
        "securityContext": pod_security(),
        "topologySpreadConstraints": [
            _spread(serving, "kubernetes.io/hostname"),
            _spread(serving, "topology.kubernetes.io/zone"),
        ],
        "containers": [_container(serving)],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": serving.name}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
            {"name": "secrets", "secret": {"secretName": serving.secret, "defaultMode": 0o440, **_items(*_SECRETS)}},
            {"name": "access", "secret": {"secretName": serving.access, "defaultMode": 0o440, **_items(*_ACCESS)}},
            signers_volume(serving),
        ],
    }
    return {
        "selector": {"matchLabels": _labels(serving)},
        "minReadySeconds": 5,
        "revisionHistoryLimit": 5,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {"metadata": {"labels": _labels(serving)}, "spec": pod},
    }


def signers_volume(serving: Serving) -> Manifest:
    """Where the public keys come from, for whoever loads a model."""
    return {"name": "signers", "configMap": {"name": serving.signers, **_items(SIGNER.rpartition("/")[2])}}


def believed_signers() -> Manifest:
    """The setting that names them; the volume is mounted at /run/signers."""
    return {"name": "MLOPS_SIGNERS", "value": GUARDED["MLOPS_SIGNERS"]}


def _container(serving: Serving) -> Manifest:
    memory = f"{serving.memory_mb}Mi"
    return {
        "name": "server",
        "image": serving.image,
        "args": ["serve", "--host", "0.0.0.0", "--wait", "--auth", "--drain", str(serving.drain_s)],  # noqa: S104
        "env": [
            {"name": "PORT", "value": str(serving.port)},
            {"name": "MLOPS_TRACKING_URI", "value": serving.tracking_uri},
            *([{"name": "MLOPS_MONITOR_URL", "value": serving.monitor_url}] if serving.monitor_url else []),
            *({"name": name, "value": value} for name, value in GUARDED.items()),
        ],
        "ports": [{"name": "http", "containerPort": serving.port}],
        # A start may take minutes where the disk is slow; after it, a process that is stuck is replaced within 30 s.
        "startupProbe": _probe("/live", period_s=2, failures=90),
        "livenessProbe": _probe("/live", period_s=10, failures=3),
        "readinessProbe": _probe("/ready", period_s=3, failures=1),
        "resources": {
            "requests": {"cpu": _cores(serving.cpu), "memory": memory},
            "limits": {"cpu": _cores(serving.cpu_limit), "memory": memory},
        },
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
            {"name": "secrets", "mountPath": "/run/secrets", "readOnly": True},
            {"name": "access", "mountPath": "/access", "readOnly": True},
            {"name": "signers", "mountPath": "/run/signers", "readOnly": True},
        ],
    }


def _items(*names: str) -> Manifest:
    return {"items": [{"key": name, "path": name} for name in names]}


def _probe(path: str, *, period_s: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": period_s,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    }


def _cores(cores: float) -> str:
    return f"{round(cores * 1000)}m"


def _spread(serving: Serving, over: str) -> Manifest:
    return {
        "maxSkew": 1,
        "topologyKey": over,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": _labels(serving)},
    }


def _service(serving: Serving) -> Manifest:
    return {"selector": _labels(serving), "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}


def _budget(serving: Serving) -> Manifest:
    # A replica that is not ready anyway must not keep a node from being emptied.
    return {
        "selector": {"matchLabels": _labels(serving)},
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }


def _network(serving: Serving) -> Manifest:
    return {
        "podSelector": {"matchLabels": _labels(serving)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {
                "from": [_pods("ingress-nginx", of="ingress-nginx"), _pods("prometheus", of="monitoring")],
                "ports": [{"protocol": "TCP", "port": serving.port}],
            }
        ],
        "egress": [
            {
                "to": [_pods("kube-dns", of="kube-system", label="k8s-app")],
                "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
            },
            *(
                {"to": [_pods(name)], "ports": [{"protocol": "TCP", "port": port}]}
                for name, port in (("mlflow", 5000), ("postgres", 5432), ("redis", 6379))
            ),
        ],
    }


def _pods(name: str, *, of: str | None = None, label: str = "app.kubernetes.io/name") -> Mapping[str, Any]:
    """Pods by name, of this namespace or another."""
    pods: Manifest = {"podSelector": {"matchLabels": {label: name}}}
    return pods if of is None else {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": of}}, **pods}
