"""A first champion, for a server that is started before anybody has trained anything."""

from __future__ import annotations

import getpass
from collections.abc import Callable

from lib.errors import UnknownVersion
from lib.market import simulate
from lib.registry import Approval, Safeguards, Transition, history, promote
from lib.registry.gates import artifact_digest
from lib.registry.safeguards import NONE
from lib.settings import Settings
from lib.tracking import track

APPROVER = "first-champion rule"
ROWS = 2_000
TREES = 100


def ensure_champion(
    name: str, *, settings: Settings, say: Callable[[str], None], safeguards: Safeguards = NONE
) -> Transition:
    """The registry's last entry about `name`; when it knows no such model, a version is trained and promoted here.

    Each step goes the usual road, and `say` is told what was done and as whom. A model that is known is left alone,
    with or without a champion: whoever withdrew it had a reason. What is trained is signed, and passes, as `safeguards`
    ask; PromotionRefused is raised when it does not.
    """
    try:
        last = history(name, settings=settings)[-1]
    except UnknownVersion:
        return _first(name, settings=settings, say=say, safeguards=safeguards)
    if last.champion is None:
        say(f"{name} has no champion (last entry: {last}). Nothing is answered until somebody promotes a version.")
    else:
        say(f"{name}: version {last.champion} is the champion.")
    return last


def _first(name: str, *, settings: Settings, say: Callable[[str], None], safeguards: Safeguards) -> Transition:
    from sklearn.ensemble import RandomForestRegressor

    me = getpass.getuser()
    say(f"The registry knows no {name} yet: training a first version on {ROWS:,} simulated houses …")
    settings.root.mkdir(parents=True, exist_ok=True)
    houses = simulate("moving", rows=ROWS, seed=settings.seed).houses
    # A seed of scikit-learn has 32 bits.
    run = track(RandomForestRegressor(TREES, random_state=settings.seed % 2**32), houses, settings=settings)
    say(f"trained run {run.run_id} as {me}: validation_rmse {run.metrics['validation_rmse']:,.0f} EUR")
    version = safeguards.register(run.run_id, name, by=me, settings=settings).version
    tried, admit = [artifact_digest(), *safeguards.trial], safeguards.admit
    promote(name, version, to="Staging", by=me, gates=tried, admit=admit, settings=settings)
    reason = "there was no version before it, so that nothing was compared; replace it by one that a person approved"
    entry = promote(
        name, version, to="Production", by=me, reason=reason, gates=[artifact_digest(), *safeguards.release],
        admit=admit, settings=settings, approval=Approval(by=APPROVER, reason=reason),
        # No person approved, and the ledger must not say that one did.
        may_approve=lambda person, _name: person == APPROVER,
    )  # fmt: skip
    say(f"registered and promoted version {version} as {me}; approved by no person, but by the {APPROVER}: {reason}.")
    return entry
