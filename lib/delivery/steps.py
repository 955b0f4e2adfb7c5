"""The steps from a table of sales to a registered candidate, each a function of what the ones before it found."""

from __future__ import annotations

import getpass
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from lib.delivery.quality import QualityLimits, check_quality
from lib.delivery.smoke import Expected, golden_answers
from lib.delivery.step import Options, Output
from lib.errors import DeliveryError, Refused
from lib.market import FEATURES, PRICE
from lib.registry import Safeguards
from lib.registry.comparison import answers, paired_gain, row_digest
from lib.registry.contender import Contender, contender
from lib.registry.ledger import open_ledger
from lib.registry.safeguards import NONE
from lib.registry.stores import open_stores
from lib.registry.training_rows import rows_of_run, training_rows
from lib.settings import Settings
from lib.tracking import predict, track
from lib.tracking.training import PARTS, Division, read_table
from lib.versioning import DataVersion, snapshot, versions

KNOWN = "sold_on"
KEY = "house_id"
GOLDEN_ROWS = 8


class ValidationOptions(Options):
    """`least_rows` sales are needed; `limits` say when a batch is refused."""

    least_rows: int = Field(default=500, ge=10)
    limits: QualityLimits = QualityLimits()


class Validated(Output):
    """The data version of the sales that may be learnt from, and how many rows were left out as bad."""

    data: str
    digest: str
    rows: int
    left_out: int
    newest: str


class TrainingOptions(Options):
    """A forest, and which share of the sales, in the order in which they became known, trains and validates it."""

    trees: int = Field(default=60, ge=1)
    min_leaf: int = Field(default=2, ge=1)
    train: float = Field(default=0.75, gt=0, lt=1)
    validation: float = Field(default=0.1, gt=0, lt=1)
    seed: int = Field(default=0, ge=0, lt=2**32)


class Trained(Output):
    """The tracked run."""

    run_id: str
    data: str
    validation_rmse: float


class EvaluationOptions(Options):
    """The challenger must be better by more than the share `margin`, beyond chance, on at least `least_rows` rows."""

    margin: float = Field(default=0.0, ge=0)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    least_rows: int = Field(default=100, ge=30)


class Evaluated(Output):
    """A challenger that won: both errors (RMSE in EUR) on the same `rows` unseen by either, and what it answers.

    `opponent` is the champion's version in words, or the median price where there was no champion.
    """

    run_id: str
    rows: int
    rows_digest: str
    opponent: str
    rmse: float
    opponent_rmse: float
    gain: float
    low: float
    high: float
    expected: Expected


class Registered(Output):
    """The candidate in the registry, and what a server of it must answer."""

    model: str
    version: int
    run_id: str
    digest: str
    expected: Expected


def validate_data(sales: Path, options: ValidationOptions, settings: Settings) -> Validated:
    """Keep the sales that are sound as a data version; raises Refused when a batch is not to be trusted.

    What became known after the champion's last sale is one batch, held against all that the champion was made with;
    what was known before is another.
    """
    table, champion = read_table(sales), _champion_rows(settings)
    batches: dict[str, tuple[pd.DataFrame, pd.DataFrame | None]] = {"the table": (table, None)}
    if champion is not None:
        new = table[KNOWN].isna() | (table[KNOWN] > champion[KNOWN].max())
        batches = {"what was known before": (table[~new], None), "what is new": (table[new], champion)}
    kept, left_out = [], 0
    for what, (batch, reference) in batches.items():
        found = check_quality(batch, reference=reference, limits=options.limits)
        if not found.accepted:
            raise Refused(
                f"{what} is refused: {'; '.join(found.reasons)}. Mend it where it comes from; nothing was trained."
            )
        kept.append(found.valid)
        left_out += found.faulty + found.implausible
    known = pd.concat(kept).dropna(subset=[KNOWN, PRICE])
    if len(known) < options.least_rows:
        raise Refused(f"{len(known)} sound sales are known and {options.least_rows} are needed. Wait for more.")
    version = _keep(known, settings)
    newest = str(known[KNOWN].max().date())
    return Validated(data=version.name, digest=version.digest, rows=len(known), left_out=left_out, newest=newest)


def train(validated: Validated, options: TrainingOptions, settings: Settings) -> Trained:
    """A tracked run on the validated version, divided by when each sale became known."""
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(options.trees, min_samples_leaf=options.min_leaf, random_state=options.seed)
    division = Division(time=KNOWN, known=None, train=options.train, validation=options.validation)
    run = track(model, _version(validated.data, settings), division=division, settings=settings)
    return Trained(run_id=run.run_id, data=validated.data, validation_rmse=run.metrics["validation_rmse"])


def evaluate(
    trained: Trained, options: EvaluationOptions, settings: Settings, safeguards: Safeguards = NONE
) -> Evaluated:
    """Challenger against champion on the newest sales, which neither has seen; raises Refused unless it wins.

    Without a champion the opponent is the median price of the training sales.
    """
    rows = rows_of_run(trained.run_id, "test", settings=settings)
    with _champion(settings, safeguards) as champion:
        if champion is not None:
            rows = rows[~rows[KEY].isin(training_rows(champion)[KEY])]
        if len(rows) < options.least_rows:
            raise Refused(
                f"{len(rows)} sales are left that neither model has seen, and {options.least_rows} are needed to "
                "judge. Wait for more."
            )
        opponent, theirs = _opponent(champion, trained, rows, settings)
    inputs = json.loads(rows[list(FEATURES)].to_json(orient="records"))
    mine = np.array(predict(trained.run_id, inputs, settings=settings), dtype=float)
    found = paired_gain(rows[PRICE].to_numpy(dtype=float), mine, theirs, confidence=options.confidence)
    words = (
        f"RMSE {found.candidate:,.0f} against {found.champion:,.0f} EUR of {opponent} on {len(rows)} unseen sales: "
        f"gain {found.gain:+.1%}, {options.confidence:.0%} interval {found.low:+.1%} to {found.high:+.1%}"
    )
    if not found.low > options.margin:
        raise Refused(f"{words}, not above {options.margin:.1%}. The champion stays; run {trained.run_id} is kept.")
    return Evaluated(
        run_id=trained.run_id,
        rows=len(rows),
        rows_digest=row_digest(rows),
        opponent=opponent,
        rmse=found.candidate,
        opponent_rmse=found.champion,
        gain=found.gain,
        low=found.low,
        high=found.high,
        expected=Expected(golden=golden_answers(inputs[:GOLDEN_ROWS], mine[:GOLDEN_ROWS].tolist())),
    )


def register_candidate(evaluated: Evaluated, settings: Settings, safeguards: Safeguards = NONE) -> Registered:
    """The winner becomes the next version, signed where there is a key; in stage None, for delivery to go on from."""
    name = settings.served_model
    version = safeguards.register(evaluated.run_id, name, by=getpass.getuser(), settings=settings)
    return Registered(
        model=name,
        version=version.version,
        run_id=version.run_id,
        digest=version.digest,
        expected=evaluated.expected.model_copy(update={"model_version": version.version}),
    )


@contextmanager
def _champion(settings: Settings, safeguards: Safeguards = NONE) -> Iterator[Contender | None]:
    """The champion as a gate sees it, None when there is none."""
    head = open_ledger(settings).head(settings.served_model)
    if head is None or head.champion is None:
        yield None
        return
    with open_stores(settings) as stores:
        yield contender(stores, stores.about(head.name, head.champion), admit=safeguards.admit)


def _champion_rows(settings: Settings) -> pd.DataFrame | None:
    """The sales that the champion was trained, validated and tested on."""
    with _champion(settings) as champion:
        if champion is None:
            return None
        return pd.concat([rows_of_run(champion.run_id, part, settings=settings) for part in PARTS])


def _opponent(
    champion: Contender | None, trained: Trained, rows: pd.DataFrame, settings: Settings
) -> tuple[str, NDArray[Any]]:
    """Who is to be beaten, and what it answers."""
    if champion is not None:
        return f"version {champion.version}", answers(champion, rows).astype(float)
    learnt = rows_of_run(trained.run_id, "train", settings=settings)
    return "the median price", np.full(len(rows), float(learnt[PRICE].median()))


def _keep(known: pd.DataFrame, settings: Settings) -> DataVersion:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "houses.parquet")
        known.to_parquet(path, index=False)
        return snapshot(path, root=settings.root)


def _version(name: str, settings: Settings) -> DataVersion:
    for version in versions(settings.root):
        if version.name == name:
            return version
    raise DeliveryError(f"no data version is named {name}: its pointer was removed. Run `dvc repro -f validate_data`.")
