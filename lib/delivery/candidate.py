"""A challenger that won becomes a candidate: a tracked run of the very same training, and a version in the registry."""

from __future__ import annotations

import getpass
import json

import numpy as np
from threadpoolctl import threadpool_limits

from lib.delivery.monitor import inputs
from lib.delivery.training import Challenger
from lib.errors import DeliveryError
from lib.market import FEATURES
from lib.registry import Safeguards, Version
from lib.registry.safeguards import NONE
from lib.settings import Settings
from lib.tracking import predict, track


def register_challenger(challenger: Challenger, *, settings: Settings, safeguards: Safeguards = NONE) -> Version:
    """Track the training that won, and register its model under `settings.served_model`, signed where there is a key.

    Raises DeliveryError when the tracked model does not answer as the judged one did: then another one was judged.
    """
    # As many threads as it was trained with.
    with threadpool_limits(1):
        run = track(challenger.estimator, challenger.table, division=challenger.division, settings=settings)
    rows = challenger.judged
    asked = json.loads(rows[list(FEATURES)].to_json(orient="records"))
    tracked = np.asarray(predict(run.run_id, asked, settings=settings))
    judged = np.asarray(challenger.model.predict(inputs(rows)))
    if not np.array_equal(tracked, judged):
        different = int((tracked != judged).sum())
        raise DeliveryError(
            f"run {run.run_id} answers {different} of {len(rows)} judged rows otherwise than the judged model did. "
            "Train with a fixed random_state; nothing was registered."
        )
    return safeguards.register(run.run_id, settings.served_model, by=getpass.getuser(), settings=settings)
