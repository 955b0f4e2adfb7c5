"""The steps beside a champion: held against it on sales that neither saw, and refused with a reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from lib.delivery.feed import sales_known
from lib.delivery.steps import (
    EvaluationOptions,
    TrainingOptions,
    ValidationOptions,
    evaluate,
    register_candidate,
    train,
    validate_data,
)
from lib.errors import ArtifactCorrupted, DeliveryError, Refused
from lib.registry import Approval, promote, rollback
from lib.registry.stores import open_stores
from lib.registry.training_rows import rows_of_run
from lib.settings import Settings
from lib.tracking.read import model_folder

NAME = "house-price-predictor"
WEAK = TrainingOptions(trees=3, min_leaf=60)
GOOD = TrainingOptions(trees=12)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Settings and a table of sales, with a weak first champion that went the usual road."""
    root = tmp_path_factory.mktemp("shop")
    settings = Settings(root=root, approvers={"rita"})
    sales = root / "houses.parquet"
    sales_known(400, rows_a_day=5).to_parquet(sales, index=False)
    validated = validate_data(sales, ValidationOptions(), settings)
    first = train(validated, WEAK, settings)
    registered = register_candidate(evaluate(first, EvaluationOptions(), settings), settings)
    promote(NAME, registered.version, to="Staging", by="ada", settings=settings)
    signed = Approval(by="rita", reason="the first one")
    promote(NAME, registered.version, to="Production", by="ada", approval=signed, settings=settings)
    return settings, sales, validated, first


@pytest.fixture(scope="module")
def good(shop):
    """A better training on the same sales."""
    settings, _, validated, _ = shop
    return train(validated, GOOD, settings)


def test_better_challenger_wins_on_sales_that_neither_saw(shop, good):
    """Both errors are on the same rows, the newest; what it answers goes with it as golden values."""
    settings, _, _, first = shop
    won = evaluate(good, EvaluationOptions(), settings)
    assert won.opponent == "version 1"
    assert won.rmse < won.opponent_rmse
    assert won.low > 0
    judged = set(rows_of_run(good.run_id, "test", settings=settings)["house_id"])
    assert won.rows == len(judged)
    for run in (first.run_id, good.run_id):
        assert not judged & set(rows_of_run(run, "train", settings=settings)["house_id"])
    registered = register_candidate(won, settings)
    assert (registered.version, registered.expected.model_version) == (2, 2)
    assert register_candidate(won, settings) == registered


def test_equal_challenger_does_not_win(shop, good):
    """The champion's own recipe again, but for its luck: the interval reaches below zero, and the champion stays."""
    settings, _, validated, _ = shop
    again = train(validated, WEAK.model_copy(update={"seed": 1}), settings)
    with pytest.raises(Refused, match=r"of version 1 on \d+ unseen sales: gain .*, not above 0.0%. The champion stays"):
        evaluate(again, EvaluationOptions(margin=0.0, confidence=0.999), settings)
    with pytest.raises(Refused, match=r"not above 60.0%"):
        evaluate(good, EvaluationOptions(margin=0.6), settings)


def test_too_few_unseen_sales_judge_nothing(shop, good):
    """No figure is better than one that chance made."""
    with pytest.raises(Refused, match="are left that neither model has seen, and 100000 are needed"):
        evaluate(good, EvaluationOptions(least_rows=100_000), shop[0])


def test_rows_that_the_champion_learnt_from_do_not_judge(shop, good):
    """Where the champion saw the newest sales, nothing is left to compare on."""
    settings, sales, _, _ = shop
    validated = validate_data(sales, ValidationOptions(), settings)
    late = train(validated, GOOD.model_copy(update={"train": 0.9, "validation": 0.05}), settings)
    version = register_candidate(evaluate(late, EvaluationOptions(least_rows=50), settings), settings).version
    promote(NAME, version, to="Staging", by="ada", settings=settings)
    signed = Approval(by="rita", reason="it knows the newest sales")
    promote(NAME, version, to="Production", by="ada", approval=signed, settings=settings)
    try:
        unseen, learnt = (
            set(rows_of_run(run.run_id, part, settings=settings)["house_id"])
            for run, part in ((good, "test"), (late, "train"))
        )
        assert len(unseen - learnt) < len(unseen)
        with pytest.raises(Refused, match=f"^{len(unseen - learnt)} sales are left that neither model has seen"):
            evaluate(good, EvaluationOptions(least_rows=len(unseen)), settings)
    finally:
        rollback(NAME, by="ada", reason="end of the test", settings=settings)


def test_only_what_is_new_is_held_against_what_the_champion_knows(shop, tmp_path):
    """A poisoned week among a year of good sales is no small share of what is new."""
    settings, _, validated, _ = shop
    later = sales_known(440, rows_a_day=5)
    new = later["sold_on"] > pd.Timestamp(validated.newest)
    path = tmp_path / "houses.parquet"
    later.to_parquet(path, index=False)
    assert validate_data(path, ValidationOptions(), settings).rows > validated.rows
    later.loc[later.index[new][::4], "price_eur"] *= 4
    later.to_parquet(path, index=False)
    with pytest.raises(Refused, match=r"what is new is refused: \d+ of \d+ prices are such as no house"):
        validate_data(path, ValidationOptions(), settings)
    with pytest.raises(Refused, match="sound sales are known and 100000 are needed"):
        validate_data(shop[1], ValidationOptions(least_rows=100_000), settings)


def test_vanished_artifact_is_named(shop, good, tmp_path):
    """Files of the champion that are gone, and a data version that is, end the step with what to do."""
    settings, _, validated, first = shop
    with pytest.raises(DeliveryError, match="no data version is named houses@00000000"):
        train(validated.model_copy(update={"data": "houses@00000000"}), GOOD, settings)
    with open_stores(settings) as stores:
        place = Path(model_folder(stores.location(NAME, 1)))
    shutil.move(place, tmp_path / "away")
    try:
        with pytest.raises(ArtifactCorrupted, match="version 1 of house-price-predictor"):
            _forgotten(lambda: evaluate(good, EvaluationOptions(), settings))
    finally:
        shutil.move(tmp_path / "away", place)
    assert first.run_id != good.run_id


def _forgotten(call):
    """The call in a process that has not loaded the champion yet."""
    from lib.registry import artifact

    artifact._models.clear()
    return call()
