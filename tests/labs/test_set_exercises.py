"""The exercises that the course's outline sets stand in the labs under their fixed ids, and say so."""

from __future__ import annotations

import re

import pytest

from tests.labs.submissions import COURSE

PROGRAMME = "**From the programme.**"
MARKS = {
    "code-mlflow-runs": ("01_tracking", "**Set exercise 1.**"),
    "code-stage-transition": ("02_registry", "**Set exercise 2.**"),
    "code-predict-api": ("03_serving", "**Set exercise 3.**"),
    "code-dockerfile": ("03_serving", PROGRAMME),
    "code-workflow": ("04_cicd", PROGRAMME),
    "code-evidently-drift": ("05_monitoring", "**Set exercise 4.**"),
    "code-performance-alerts": ("05_monitoring", "**Set exercise 5.**"),
    "code-grafana-panel": ("05_monitoring", PROGRAMME),
    "code-policy": ("06_security", PROGRAMME),
    "code-cost-report": ("06_security", PROGRAMME),
}


@pytest.mark.parametrize("task", MARKS)
def test_set_exercise_says_so_under_its_heading(task: str) -> None:
    """Heading, minutes, mark: so begins the practice section that holds the task."""
    module, mark = MARKS[task]
    before, found, _ = COURSE.source(module).read_text("utf-8").partition(f'\n# %% id="{task}" task=true')
    assert found
    _header, heading, minutes, third, *_ = re.split(r"\n#\n# |\n# (?=## )", before.rpartition("\n# %% [markdown]")[2])
    assert heading.startswith("## ")
    assert minutes.startswith("**Minutes: ")
    assert third.startswith(mark)
