"""The picture of a model's history says what its ledger says."""

from __future__ import annotations

import contextlib
from itertools import pairwise

import pytest
from matplotlib.colors import to_hex
from sklearn.linear_model import Ridge

from lib.errors import PromotionRefused, UnknownVersion
from lib.registry import draw_history, history, promote, register, rollback
from lib.registry.picture import _COLOURS
from tests.lib.registered import a_run, another, champion, settings_in


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return settings_in(tmp_path_factory.mktemp("picture"))


def test_bars_are_stages_and_marks_are_refusals_and_rollbacks(settings):
    """Two champions, a refused third, a rollback: each bar has its stage's colour and ends where the next begins."""
    run = a_run(settings, Ridge())
    champion("houses", run, settings)
    champion("houses", another(run, settings), settings)
    register(another(run, settings), "houses", by="ada", settings=settings)
    with contextlib.suppress(PromotionRefused):
        promote("houses", 3, to="Staging", by="ada", gates=[lambda *sides: None], settings=settings)
    rollback("houses", by="ada", reason="bad", settings=settings)
    (axes,) = draw_history("houses", settings).axes
    stages = {colour: stage for stage, colour in _COLOURS.items()}
    rows = {0: [], 1: [], 2: []}
    for bar in axes.patches:
        rows[round(bar.get_y() + bar.get_height() / 2)].append(
            (bar.get_x(), bar.get_width(), stages[to_hex(bar.get_facecolor())])
        )
    drawn = {row: [stage for _, _, stage in bars] for row, bars in rows.items()}
    assert drawn == {
        0: ["None", "Staging", "Production", "Archived", "Production"],
        1: ["None", "Staging", "Production", "Archived"],
        2: ["None"],
    }
    for bars in rows.values():
        assert all(left + width == following for (left, width, _), (following, _, _) in pairwise(bars))
    # The champion leaves in the very column in which its successor comes.
    assert rows[0][3][0] == rows[1][2][0]
    assert sorted((line.get_marker(), line.get_ydata()[0]) for line in axes.lines) == [("<", 0), ("X", 2)]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["version 1", "version 2", "version 3"]
    assert len(history("houses", settings=settings)) == 11


def test_an_unknown_model_has_no_picture(settings):
    """And says so."""
    with pytest.raises(UnknownVersion):
        draw_history("nobody", settings)
