"""The capstone as a learner runs it: all cells in a kernel of their own, then one more that tells what came of them."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path
from typing import Any
from unittest import mock

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from tests.labs.submissions import COURSE, ROOT

PAGE = "07_capstone"
_TELL = """
import psutil
json.dumps({
    "story": drawn, "seen_by": [one["model_version"], broken.status_code, len(morning.answered), len(morning.wrong)],
    "canary": [report.state, report.serving, met.count(first.version), met.count(second.version)],
    "champion": champion, "releases": [each.version for each in record.releases], "moved": str(moved),
    "first": str(record.releases[0].day), "last": str(record.releases[-1].day),
    "alerts": [[each.rule, str(each.fired.date()), each.justified] for each in record.raised()],
    "actions": [[entry.action, entry.outcome] for look in record.looks for entry in look.entries],
    "answered": [day.model_dump(mode="json") for day in record.answered],
    "unacted": [day.model_dump(mode="json") for day in record.unacted],
    "production": [line.version for line in history(MODEL, settings=settings) if line.to_stage == "Production"],
    "bill": [bill.total.total, sum(each.costs.total for each in bill.allocations) + bill.idle.total],
    "used": {phase: costs.total for phase, costs in bill.by_phase().items()},
    "answers": sum(each.predictions for each in bill.allocations),
    "trail": trail.verify(anchor=anchor).ok, "lost": [float(acted.sum()), float(unacted.sum())],
    "lines": [len(axes.lines) for axes in (error, inputs, small[1])], "bars": len(small[2].patches),
    "signed": [verify_version(MODEL, each, signers=[read_public_key(public)], settings=settings).version
               for each in {first.version, champion}],
    "children": [child.name() for child in psutil.Process().children(recursive=True)],
})
"""


def live(workspace: Path, *, again: bool = False, **parameters: int) -> dict[str, Any]:
    """Run the built page with other parameters, in `workspace`; what came of it. Raises CellExecutionError.

    With `again` the server's cell fails at first, while it serves, and all is run once more in the same kernel.
    """
    notebook = nbformat.read(COURSE.page(PAGE), as_version=4)
    place = next(number for number, cell in enumerate(notebook.cells) if cell.id == "parameters")
    given = new_code_cell("\n".join(f"{name} = {value!r}" for name, value in parameters.items()))
    cells = [*notebook.cells[: place + 1], given, *notebook.cells[place + 1 :]]
    if again:
        served = next(number for number, cell in enumerate(cells) if cell.id == "serve-it")
        slip = new_code_cell(cells[served].source.replace("RATE", "None"))
        slip.metadata.tags = ["raises-exception"]
        cells = [*cells[:served], slip, *cells]
    notebook.cells = [*cells, new_code_cell(_TELL)]
    kernel = {"LAB_WORKSPACE": str(workspace), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with mock.patch.dict(os.environ, kernel):
        NotebookClient(notebook, resources={"metadata": {"path": str(COURSE.page(PAGE).parent)}}).execute()
    shown = [output for cell in notebook.cells if cell.id == "dashboard-it" for output in cell.outputs]
    told = json.loads(ast.literal_eval(notebook.cells[-1].outputs[0].data["text/plain"]))
    return {**told, "shown": ["image/png" in output.get("data", {}) for output in shown]}
