"""Runs a student's own notebook from top to bottom, as it stands, in a kernel of this machine: nothing is walled in."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from autograder.errors import GraderError
from autograder.plain_kernel import new_kernel
from autograder.precheck import saved_results

CELL_S = 120


def rehearse(content: bytes, module: str) -> dict[str, str]:
    """What each code cell of the notebook ends in when it is run anew, as `saved_results` says it.

    The notebook is not changed; it runs in a workspace of its own, which is removed.
    """
    notebook = nbformat.reads(content.decode("utf-8"), as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        environment = {**os.environ, "LAB_WORKSPACE": str(Path(folder) / module), "OMP_NUM_THREADS": "1"}
        client = NotebookClient(
            notebook,
            km=new_kernel(Path(folder)),
            timeout=CELL_S,
            kernel_name="python3",
            allow_errors=True,
            interrupt_on_timeout=True,
            resources={"metadata": {"path": folder}},
        )
        try:
            client.execute(env=environment, cleanup_kc=True)
        except DeadKernelError as error:
            raise GraderError(
                f"the notebook ends its kernel when it runs from the top ({error}); pack without --run"
            ) from error
    return saved_results(notebook)
