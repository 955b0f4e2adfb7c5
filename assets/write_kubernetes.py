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
#     MLOPS_ACCESS=. python -m lib access grant ada --role operator --by you --root kept
#     python -m lib privacy keys kept/pseudonym_keys.json
#     kubectl create secret generic model-server-access --from-file=kept/access.db --from-file=kept/token.key \
#         --from-file=kept/pseudonym_keys.json
#     kubectl create configmap model-server-signers --from-file=signing_key.pub
# Who gets a key, loses one or has another role: change kept/ by `access` and make that Secret anew; a running server
# follows when Kubernetes has brought it, within about a minute.
# Then, with your own registry of images in place of this one's name:
#     kubectl apply -f assets/kubernetes/serving.yaml

"""
MONITOR_HEADER = """\
# The monitor beside the server. Written by `make assets` from lib/monitoring/kubernetes.py: change it there.
#
# After the server's manifests, with the token that Alertmanager sends to http://monitor:9109/alerts, and a key by which
# the server tells its figures (MLOPS_ACCESS=. python -m lib access grant figures --role auditor --by you --root kept,
# before the server's Secret is made; the key that it prints goes into figures_key):
#     kubectl create secret generic monitor --from-file=alerts_token --from-file=figures_key
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
