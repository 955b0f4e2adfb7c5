"""Membership inference on a real server: who knows a house and its price learns whether the model learnt from it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from lib.errors import PrivacyError
from lib.governance.membership import membership_advantage
from lib.governance.policy import check_version, read_policy
from lib.registry import register
from lib.serving import create_app
from lib.settings import Settings
from tests.lib.registered import a_run, another, houses, settings_in
from tests.lib.serving_tools import as_version, serving
from tests.lib.serving_tools import houses as market

MEMBERS = 300


def _forest(leaf: int) -> RandomForestRegressor:
    return RandomForestRegressor(20, min_samples_leaf=leaf, random_state=0)


def test_a_server_tells_members_as_well_as_was_measured(tmp_path):
    """The attack over HTTP gains what the figure says; large leaves leave it little, and rounding takes nothing."""
    inputs, prices = market(2 * MEMBERS)
    shuffled = np.random.default_rng(0).permutation(len(inputs))
    inputs, prices = inputs.select_dtypes("number").iloc[shuffled], prices.iloc[shuffled].to_numpy()
    asked = inputs.astype(object).to_dict("records")
    gained = {}
    for leaf in (1, 30):
        fitted = _forest(leaf).fit(inputs[:MEMBERS], prices[:MEMBERS])
        app = create_app(as_version(fitted, inputs, version=leaf), settings=Settings(root=tmp_path / str(leaf)))
        with serving(app) as served:
            said = np.array(served.post("/predict", {"rows": asked}).json()["predictions"])
        for step in (1, 10_000):
            off = np.abs(np.round(said / step) * step - prices)
            bound = np.median(off[:MEMBERS])  # a simple attacker's: below it, "it was a member"
            gained[leaf, step] = np.mean(off[:MEMBERS] <= bound) - np.mean(off[MEMBERS:] <= bound)
            assert gained[leaf, step] <= membership_advantage(off[:MEMBERS], off[MEMBERS:])
    assert gained[1, 1] > 0.2
    assert gained[1, 10_000] > 0.2
    assert gained[30, 1] < gained[1, 1] / 2


def test_advantage_is_the_widest_gap():
    """By hand: everything, nothing, and never below nothing; no rows are an error."""
    assert membership_advantage([0, 0], [1, 1]) == 1.0
    assert membership_advantage([1, 2, 3, 4], [1, 2, 3, 4]) == 0.0
    assert membership_advantage([5, 6], [1, 2]) == 0.0
    assert membership_advantage([1, 9], [2, 9]) == 0.5
    with pytest.raises(PrivacyError, match="no rows on one side"):
        membership_advantage([], [1.0])


@pytest.mark.thorough
def test_version_that_tells_too_much_is_named_by_the_policy(tmp_path):
    """With a warning by default; a rule that blocks stops it, a modest model passes, one without rows does not."""
    settings, rules = settings_in(tmp_path), read_policy().rules
    (rule,) = (each for each in rules if each.check == "few_members_told")
    greedy = a_run(settings, _forest(1), houses(400))
    modest = a_run(settings, _forest(40), houses(400))
    for run_id in (greedy, modest, another(modest, settings)):
        register(run_id, "m", by="ada", settings=settings)
    policy = read_policy().model_copy(update={"rules": (rule,)})
    strict = policy.model_copy(update={"rules": (rule.model_copy(update={"severity": "block"}),)})

    def found(version: int, by=strict):
        (each,) = check_version(by, "m", version, settings=settings)
        return each

    assert not found(1).passed
    assert found(1).measured > 2 * found(2).measured
    assert found(2).passed
    assert found(1, policy).passed
    assert found(1, policy).reason.startswith("warning: whoever knows a row tells by its answer")
    assert found(3).reason.startswith("not measured: run ")
    assert not found(3).passed
