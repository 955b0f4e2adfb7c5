"""Python's fork server: a process without threads of ours, from which replicas and workers are forked."""

from __future__ import annotations

import functools
import multiprocessing
from multiprocessing.context import ForkServerContext

# What all of them need is imported once: each then starts in a tenth of the time. A process has one fork server, with
# the imports that the first who uses it asks for, so there is one list.
IMPORTED = [
    "lib.serving.app", "lib.serving.batch_partition", "lib.serving.server", "mlflow.models", "mlflow.sklearn",
    "mlflow.store.model_registry.sqlalchemy_store", "mlflow.store.tracking.sqlalchemy_store", "pyarrow.pandas_compat",
    "skops.io", "sklearn.compose", "sklearn.ensemble", "sklearn.linear_model", "sklearn.pipeline",
    "uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.auto",
]  # fmt: skip


@functools.cache
def forking() -> ForkServerContext:
    """The context whose processes are forked from it; the first one also starts it, which takes some seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return context


def warm_up() -> None:
    """Start it now, and wait for it, so that the first replica does not."""
    nothing = forking().Process(target=_nothing)
    nothing.start()
    nothing.join()


def _nothing() -> None:
    return None
