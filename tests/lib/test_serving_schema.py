"""A row is checked value by value, and a fault names row, field, value and what is allowed."""

from __future__ import annotations

import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec

from lib.errors import BadRows, UnfitModel
from lib.serving.schema import input_schema
from tests.lib.serving_tools import forest, rows

HOUSE = rows(1)[0]
BAD_VALUES = [
    ({"rooms": "3"}, "rooms", "'3' is not of type long"),
    ({"rooms": True}, "rooms", "True is not of type long"),
    ({"rooms": 3.5}, "rooms", "3.5 is not of type long"),
    ({"rooms": 99}, "rooms", "99 lies outside 1 to 12"),
    ({"rooms": 10**30}, "rooms", "lies outside 1 to 12"),
    ({"rooms": None}, "rooms", "None is not of type long"),
    ({"rooms": [3]}, "rooms", "[3] is not of type long"),
    ({"area_m2": 5}, "area_m2", "5 lies outside 10 to 400 m²"),
    ({"area_m2": 401.5}, "area_m2", "401.5 lies outside 10 to 400 m²"),
    ({"area_m2": False}, "area_m2", "False is not of type double"),
    ({"area_m2": float("nan")}, "area_m2", "nan is not a finite number"),
    ({"area_m2": float("inf")}, "area_m2", "inf is not a finite number"),
    ({"area_m2": {}}, "area_m2", "{} is not of type double"),
    ({"district": "moon"}, "district", "'moon' is not one of centre, suburb, country"),
    ({"district": 3}, "district", "3 is not one of"),
    ({"has_garden": 1}, "has_garden", "1 is not of type boolean"),
    ({"has_garden": "true"}, "has_garden", "'true' is not of type boolean"),
    ({"pool": True}, "pool", "is no input of this model; its inputs are listed_month"),
]


@pytest.mark.parametrize(("change", "field", "reason"), BAD_VALUES)
def test_bad_value_is_named(change, field, reason):
    """What does not fit is refused with its row, its field and the reason."""
    with pytest.raises(BadRows) as caught:
        input_schema(forest().signature).check([HOUSE, {**HOUSE, **change}])
    (fault,) = caught.value.faults
    assert (fault.row, fault.field) == (1, field)
    assert reason in fault.reason


@pytest.mark.parametrize("name", HOUSE)
def test_missing_value_is_named(name):
    """A row without one of its inputs is refused, naming it and what it should be."""
    short = {key: value for key, value in HOUSE.items() if key != name}
    with pytest.raises(BadRows, match=f"row 0: {name}: is missing"):
        input_schema(forest().signature).check([short])


@pytest.mark.parametrize("row", [None, 3, "row", [], list(HOUSE.values())])
def test_row_without_names_is_refused(row):
    """A list of values is no row: nothing says which is which."""
    with pytest.raises(BadRows, match="a row is an object of inputs by name"):
        input_schema(forest().signature).check([row])


def test_permuted_row_is_the_same_row():
    """Order means nothing; the checked row has the order of the signature."""
    schema = input_schema(forest().signature)
    (checked,) = schema.check([dict(reversed(HOUSE.items()))])
    assert tuple(checked) == schema.names
    assert checked == HOUSE


def test_many_faults_are_counted():
    """Twenty faults are shown, the others counted."""
    with pytest.raises(BadRows, match=r"and 70 more") as caught:
        input_schema(forest().signature).check([{}] * 10)
    assert len(caught.value.faults) == 20


def test_examples_fit():
    """The rows that a model is tested with pass the check themselves."""
    schema = input_schema(forest().signature)
    assert schema.check(schema.examples(40)) == schema.examples(40)


def test_undeclared_columns_are_held_to_their_type():
    """A column that the market does not know is checked by MLflow's type; an optional one may be null."""
    schema = input_schema(
        ModelSignature(
            Schema([ColSpec("double", "copy"), ColSpec("integer", "2nd", required=False), ColSpec("string", "_note")])
        )
    )
    good = {"copy": 1.5, "2nd": None, "_note": "x"}
    assert schema.check([good]) == [good]
    for bad in ({"copy": 1e39}, {"2nd": 2**31}, {"_note": None}, {"copy": None}):
        with pytest.raises(BadRows, match=next(iter(bad))):
            schema.check([{**good, **bad}])


@pytest.mark.parametrize(
    "signature", [None, ModelSignature(Schema([TensorSpec(__import__("numpy").dtype("f8"), (-1, 3))])),
                  ModelSignature(Schema([ColSpec("datetime", "when")])), ModelSignature(Schema([ColSpec("double")]))],
)  # fmt: skip
def test_unnamed_or_other_inputs_are_not_served(signature):
    """Tensors, dates and columns without names cannot be checked by name."""
    with pytest.raises(UnfitModel):
        input_schema(signature)
