"""Write assets/kubernetes: server and monitor as manifests for `kubectl apply`; `make assets` calls this."""

from __future__ import annotations

from pathlib import Path

from lib.monitoring.kubernetes import WHY, Watching
from lib.monitoring.kubernetes import manifests as monitor_manifests
from lib.serving.kubernetes import Serving, as_yaml, manifests

FOLDER = Path(__file__).parent / "kubernetes"
SERVING = Serving(image="registry.example.com/mlops-server:0.1.0", monitor_url="http://monitor:9109")
WATCHING = Watching(serving=SERVING, amount=2600, per="area_m2")
HEADER = """\
# The model server on Kubernetes. Written by `make assets` from lib/serving/kubernetes.py: change it there.
#
# Before it:
#     kubectl create secret generic model-server --from-file=mlops_ledger_uri --from-file=mlops_redis_url
# Then, with your own registry of images in place of this one's name:
#     kubectl apply -f assets/kubernetes/serving.yaml

"""
MONITOR_HEADER = """\
# The monitor beside the server. Written by `make assets` from lib/monitoring/kubernetes.py: change it there.
#
# After the server's manifests, with the token that Alertmanager sends to http://monitor:9109/alerts:
#     kubectl create secret generic monitor --from-file=alerts_token
#     kubectl apply -f assets/kubernetes/monitor.yaml
# The server's control room shows its figures.

"""


def text() -> str:
    """The server's file."""
    return HEADER + as_yaml(manifests(SERVING))


def monitor_text() -> str:
    """The monitor's file."""
    return MONITOR_HEADER + as_yaml(monitor_manifests(WATCHING), why=WHY)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, content in (("serving.yaml", text()), ("monitor.yaml", monitor_text())):
        (FOLDER / name).write_text(content, encoding="utf-8")
        print(FOLDER / name)
