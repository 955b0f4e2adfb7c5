"""The monitor on Kubernetes: one settings object, made of that of the server beside it, becomes the manifests."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lib.serving.kubernetes import (
    Manifest,
    Serving,
    believed_signers,
    container_security,
    pod_security,
    signers_volume,
)

_TOKEN, _KEY = "alerts_token", "figures_key"
ENDING_S = 60  # how long a look may still be under way
WHY = {
    "ServiceAccount": "An identity of its own, which may do nothing.",
    "Deployment": "One, and never two: the store of predictions and truth is one process's. The old one ends first.\n"
    "It reads the server's log and turns its switch of manual mode in the folder that both share; ground truth is\n"
    "laid into labels/ there. The storage behind it has to know locks of files.",
    "Service": "For the monitor's figures and Alertmanager's calls; and the server's replicas one by one, as each\n"
    "counts the rows that it refused for itself.",
    "NetworkPolicy": "The monitor's own; and what the server's pods may in addition to theirs: be asked for their\n"
    "figures by the monitor, and show its figures in the control room.",
}


class Watching(BaseModel):
    """How the monitor of `serving` runs: with its image, its stores and its folder.

    It looks every `every_s` seconds. In manual mode `amount` is answered, for each unit of the input `per`; without it
    every request is refused. `secret` names the Secret with what Alertmanager must know and what the server asks for
    (keys alerts_token and figures_key).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    serving: Serving
    name: str = Field(default="monitor", pattern=r"^[a-z]([a-z0-9-]{0,50}[a-z0-9])?$")
    port: int = Field(default=9109, ge=1024, le=65535)
    every_s: float = Field(default=900.0, gt=0)
    amount: float | None = Field(default=None, allow_inf_nan=False)
    per: str | None = None
    cpu: float = Field(default=0.25, gt=0)
    cpu_limit: float = Field(default=1.0, gt=0)
    memory_mb: int = Field(default=2048, ge=512)
    secret: str = "monitor"  # noqa: S105  a name, not what it holds

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.name == self.serving.name:
            raise ValueError(f"{self.name} is the server, and its Service would send requests here. Take another name.")
        if self.per is not None and self.amount is None:
            raise ValueError(f"an amount for each {self.per} is not given. Give it, or neither.")
        return self

    @property
    def replicas(self) -> str:
        """The name under which each of the server's replicas is found."""
        return f"{self.serving.name}-each"


def manifests(watching: Watching) -> list[Manifest]:
    """Everything that the monitor needs beside the server's manifests but the Secret, which no file may hold."""
    server, both = watching.serving.name, f"{watching.serving.name}-{watching.name}"
    return [
        _document("v1", "ServiceAccount", watching, automountServiceAccountToken=False),
        _document("apps/v1", "Deployment", watching, spec=_deployment(watching)),
        _document("v1", "Service", watching, spec=_service(watching)),
        _document("v1", "Service", watching, name=watching.replicas, spec=_replicas(watching)),
        _document("networking.k8s.io/v1", "NetworkPolicy", watching, spec=_network(watching)),
        _document("networking.k8s.io/v1", "NetworkPolicy", watching, name=both, spec=_for_server(watching, server)),
    ]


def _document(version: str, kind: str, watching: Watching, *, name: str = "", **content: Any) -> Manifest:
    metadata = {"name": name or watching.name, "labels": _labels(watching)}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def _labels(watching: Watching) -> dict[str, str]:
    return {"app.kubernetes.io/name": watching.name, "app.kubernetes.io/component": "monitoring"}


def _deployment(watching: Watching) -> Manifest:
    files = {watching.serving.secret: ("mlops_ledger_uri",), watching.secret: (_TOKEN, _KEY)}
    pod = {
        "serviceAccountName": watching.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": ENDING_S,
        "securityContext": pod_security(),
        "containers": [_container(watching)],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": watching.serving.name}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
            signers_volume(watching.serving),
            {
                "name": "secrets",
                "projected": {
                    "defaultMode": 0o440,
                    "sources": [
                        {"secret": {"name": secret, "items": [{"key": name, "path": name} for name in names]}}
                        for secret, names in files.items()
                    ],
                },
            },
        ],
    }
    return {
        "replicas": 1,
        "selector": {"matchLabels": _labels(watching)},
        "revisionHistoryLimit": 5,
        "strategy": {"type": "Recreate"},
        "template": {"metadata": {"labels": _labels(watching)}, "spec": pod},
    }


def _container(watching: Watching) -> Manifest:
    memory = f"{watching.memory_mb}Mi"
    server = f"http://{watching.replicas}:{watching.serving.port}"
    arguments = ["watch", "--host", "0.0.0.0", "--port", str(watching.port), "--server", server]  # noqa: S104
    arguments += ["--key-file", f"/run/secrets/{_KEY}"]
    arguments += ["--every", f"{watching.every_s:g}"]
    arguments += [] if watching.amount is None else ["--amount", f"{watching.amount:g}"]
    arguments += [] if watching.per is None else ["--per", watching.per]
    return {
        "name": "monitor",
        "image": watching.serving.image,
        "args": arguments,
        "env": [
            {"name": "MLOPS_TRACKING_URI", "value": watching.serving.tracking_uri},
            believed_signers(),  # it falls back to what the server would load
        ],
        "ports": [{"name": "http", "containerPort": watching.port}],
        "startupProbe": _alive(period_s=2, failures=90),
        "livenessProbe": _alive(period_s=10, failures=3),
        "resources": {
            "requests": {"cpu": _cores(watching.cpu), "memory": memory},
            "limits": {"cpu": _cores(watching.cpu_limit), "memory": memory},
        },
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
            {"name": "secrets", "mountPath": "/run/secrets", "readOnly": True},
            {"name": "signers", "mountPath": "/run/signers", "readOnly": True},
        ],
    }


def _alive(*, period_s: int, failures: int) -> Manifest:
    asked = {"path": "/live", "port": "http"}
    return {"httpGet": asked, "periodSeconds": period_s, "timeoutSeconds": 2, "failureThreshold": failures}


def _cores(cores: float) -> str:
    return f"{round(cores * 1000)}m"


def _service(watching: Watching) -> Manifest:
    ports = [{"name": "http", "port": watching.port, "targetPort": "http"}]
    return {"selector": _labels(watching), "ports": ports}


def _replicas(watching: Watching) -> Manifest:
    serving = watching.serving
    ports = [{"name": "http", "port": serving.port, "targetPort": "http"}]
    return {"clusterIP": "None", "selector": _pods(serving.name)["podSelector"]["matchLabels"], "ports": ports}


def _network(watching: Watching) -> Manifest:
    asking = [
        _pods("prometheus", of="monitoring"),
        _pods("alertmanager", of="monitoring"),
        _pods(watching.serving.name),
    ]
    asked = ((watching.serving.name, watching.serving.port), ("mlflow", 5000), ("postgres", 5432))
    return {
        "podSelector": {"matchLabels": _labels(watching)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": asking, "ports": [{"protocol": "TCP", "port": watching.port}]}],
        "egress": [
            {
                "to": [_pods("kube-dns", of="kube-system", label="k8s-app")],
                "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
            },
            *({"to": [_pods(name)], "ports": [{"protocol": "TCP", "port": port}]} for name, port in asked),
        ],
    }


def _for_server(watching: Watching, server: str) -> Manifest:
    """Policies add up: this one takes nothing from the server's own."""
    monitor = [_pods(watching.name)]
    return {
        **_pods(server),
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": monitor, "ports": [{"protocol": "TCP", "port": watching.serving.port}]}],
        "egress": [{"to": monitor, "ports": [{"protocol": "TCP", "port": watching.port}]}],
    }


def _pods(name: str, *, of: str | None = None, label: str = "app.kubernetes.io/name") -> Manifest:
    """Pods by name, of this namespace or another."""
    pods: Manifest = {"podSelector": {"matchLabels": {label: name}}}
    return pods if of is None else {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": of}}, **pods}
