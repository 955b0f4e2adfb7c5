"""nbgrader's Validate button on every lab, in the browser: what is open is listed, what is solved is a success."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page

from autograder.source import read_cells
from tests.labs.submissions import COURSE, LABS, MODULES
from tests.labs.test_browser import address, close_lab, desk, jupyter, lab, open_lab, validate

__all__ = ["address", "desk", "jupyter", "lab"]


@pytest.mark.parametrize("module", MODULES)
def test_validate_knows_an_open_lab_from_a_solved_one(lab: Page, desk: Path, module: str) -> None:
    """Each check of the untouched lab is listed with its reason; none of the solution's."""
    path = desk / "labs" / module / f"{module}.ipynb"
    open_lab(lab, f"{module}/{module}.ipynb")
    assert validate(lab).count("Not yet: ") == len(LABS(module).with_role("check"))
    close_lab(lab)
    notebook, solution = nbformat.read(path, as_version=4), read_cells(COURSE.source(module))
    for cell in notebook.cells:
        cell.source = solution[cell.id] if cell.metadata.get("nbgrader", {}).get("solution") else cell.source
    nbformat.write(notebook, path)
    open_lab(lab, f"{module}/{module}.ipynb")
    assert validate(lab) == "Success! Your notebook passes all the tests."
    close_lab(lab)
