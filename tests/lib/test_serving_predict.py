"""The quick way answers as the model does, bit for bit, or is not taken; a model that is not sound does not answer."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from lib.errors import BadRows, UnfitModel
from lib.serving import make_bundle
from lib.serving.batcher import Job, _predict
from lib.tracking import default_pipeline
from tests.lib.serving_tools import NUMBERS, TEXT, as_version, forest, houses, loaded, rows


def encoded(*steps):
    encode = ColumnTransformer(
        [
            ("text", OneHotEncoder(sparse_output=False), list(TEXT)),
            ("scale", StandardScaler(), ["area_m2", "age_years"]),
        ],
        remainder="passthrough",
    )
    return make_pipeline(encode, *steps)


EXACT = {
    "forest": (RandomForestRegressor(7, random_state=0), NUMBERS),
    "one tree": (RandomForestRegressor(1, random_state=0), NUMBERS),
    "extra trees": (ExtraTreesRegressor(7, random_state=0), NUMBERS),
    "scaled forest": (make_pipeline(StandardScaler(), RandomForestRegressor(7, random_state=0)), NUMBERS),
    "scaled boosting": (make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=5)), NUMBERS),
    "bare boosting": (HistGradientBoostingRegressor(max_iter=5), NUMBERS),
    "default pipeline": (default_pipeline(RandomForestRegressor(7, random_state=0), houses()[0]), None),
    "two encodings": (encoded(StandardScaler(), RandomForestRegressor(7, random_state=0)), None),
}
OTHERS = {
    "linear": (make_pipeline(StandardScaler(), LinearRegression()), NUMBERS),
    "encoded linear": (default_pipeline(LinearRegression(), houses()[0]), None),
    "imputed": (make_pipeline(SimpleImputer(), RandomForestRegressor(3, random_state=0)), NUMBERS),
    "many threads": (RandomForestRegressor(7, random_state=0, n_jobs=2), NUMBERS),
}


@pytest.mark.parametrize("case", [*EXACT, *OTHERS])
def test_answers_are_the_models_own(case):
    """Training rows give what `predict` gives: bit for bit for trees, to 1e-9 for linear models, alone and together."""
    model, columns = {**EXACT, **OTHERS}[case]
    version = loaded(model, columns or tuple(houses()[0].columns))
    bundle = make_bundle(version)
    inputs = houses()[0][list(bundle.schema.names)].head(130)
    asked = bundle.schema.check([{name: row[name] for name in bundle.schema.names} for row in rows(130)])
    expected = version.model.set_params(**({"n_jobs": None} if case == "many threads" else {})).predict(inputs)
    for found in (bundle.answer(asked), [bundle.answer([row])[0] for row in asked]):
        if "linear" in case:
            np.testing.assert_allclose(found, expected, rtol=1e-9)
        else:
            assert found == expected.tolist()
    if case in EXACT:
        assert bundle.path == "arrays"


def test_labels_are_served_as_they_are():
    """A classifier's answers are its labels."""
    inputs, prices = houses()
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(
        inputs[list(NUMBERS)], np.where(prices > prices.median(), "dear", "cheap")
    )
    bundle = make_bundle(as_version(fitted, inputs[list(NUMBERS)], version=1))
    found = bundle.answer([{name: row[name] for name in NUMBERS} for row in rows(20)])
    assert found == fitted.predict(inputs[list(NUMBERS)].head(20)).tolist()
    assert bundle.output_type == "BYTES"


class Broken(DummyRegressor):
    """Answers as `kind` says."""

    def __init__(self, kind="nan"):
        super().__init__()
        self.kind = kind

    def predict(self, X):  # noqa: N803
        if self.kind == "raises":
            raise RuntimeError("no answer today")
        return {
            "nan": np.full(len(X), np.nan), "short": np.zeros(max(len(X) - 1, 0)), "wide": np.zeros((len(X), 2)),
        }[self.kind]  # fmt: skip


def test_words_that_the_model_was_not_trained_on_are_refused():
    """Where an encoder takes only what it has seen, the schema says so, and the model is tested with those words."""
    inputs, prices = houses()
    known = inputs["district"] != "country"
    model = encoded(RandomForestRegressor(3, random_state=0)).fit(inputs[known], prices[known])
    bundle = make_bundle(as_version(model, inputs[known], version=1))
    with pytest.raises(BadRows, match="'country' is not one of centre, suburb"):
        bundle.schema.check([{**rows(1)[0], "district": "country"}])


def test_rows_that_the_model_refuses_harm_no_others():
    """When a model raises for one request of a batch, that one is refused with the reason and the others answered."""
    bundle = make_bundle(forest())

    def picky(asked):
        if any(row["rooms"] == 5 for row in asked):
            raise ValueError("no five rooms, please")
        return bundle.predict(asked)

    batch = [Job(dataclasses.replace(bundle, predict=picky), [row], "id", None, 0.0, None) for row in rows(30)]
    _predict(batch)
    for job in batch:
        if job.rows[0]["rooms"] == 5:
            assert isinstance(job.found, BadRows)
            assert "version 1 cannot take these rows: no five rooms" in str(job.found)
        else:
            assert job.found == bundle.answer(job.rows)
    assert {type(job.found) for job in batch} == {list, BadRows}


@pytest.mark.parametrize(
    ("kind", "why"),
    [("nan", "nan, which is no finite"), ("short", "shape"), ("wide", "shape"), ("raises", "RuntimeError: no answer")],
)
def test_unsound_model_fails_its_self_test(kind, why):
    """Answers that are not finite, or not one a row, and exceptions are found before anything is served."""
    inputs, prices = houses()
    broken = Broken(kind).fit(inputs, prices)
    version = dataclasses.replace(forest(), model=broken)
    with pytest.raises(UnfitModel, match=why):
        make_bundle(version)


def test_model_without_signature_is_not_served():
    """Without a signature nothing could be checked."""
    with pytest.raises(UnfitModel, match="no signature"):
        make_bundle(dataclasses.replace(forest(), signature=None))
