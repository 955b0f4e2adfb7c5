"""Write assets/kubernetes/serving.yaml, the server's manifests for `kubectl apply`; `make assets` calls this."""

from __future__ import annotations

from pathlib import Path

from lib.serving.kubernetes import Serving, as_yaml, manifests

TARGET = Path(__file__).parent / "kubernetes" / "serving.yaml"
HEADER = """\
# The model server on Kubernetes. Written by `make assets` from lib/serving/kubernetes.py: change it there.
#
# Before it:
#     kubectl create secret generic model-server --from-file=mlops_ledger_uri --from-file=mlops_redis_url
# Then, with your own registry of images in place of this one's name:
#     kubectl apply -f assets/kubernetes/serving.yaml

"""


def text() -> str:
    """The whole file."""
    return HEADER + as_yaml(manifests(Serving(image="registry.example.com/mlops-server:0.1.0")))


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text(), encoding="utf-8")
    print(TARGET)
