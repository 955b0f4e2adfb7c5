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


def text() -> str:
    """The whole file."""
    return HEADER + as_yaml(manifests(Serving(image="registry.example.com/mlops-server:0.1.0")))


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text(), encoding="utf-8")
    print(TARGET)
