"""Values cross between kernel and grader unchanged, as plain data, and nothing else does."""

from __future__ import annotations

import datetime as dt
import enum
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import wire
from autograder.errors import WireError

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.dates()
keys = st.text() | st.integers() | st.booleans() | st.tuples(st.text(), st.integers())
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(keys, inner) | st.sets(st.integers()),
    max_leaves=20,
)


@given(values)
def test_plain_data_comes_back_equal_and_of_the_same_type(value: object) -> None:
    """What is data survives the journey, types included."""
    back = wire.loads(wire.dumps(value))
    assert back == value
    assert wire.dumps(back) == wire.dumps(value) or "set" in wire.dumps(value)  # a set has no order to keep


def test_frames_keep_dtypes_and_index() -> None:
    """A frame with every dtype that labs use comes back equal."""
    frame = pd.DataFrame(
        {
            "i": np.array([1, 2, 3], dtype="int32"),
            "f": [0.1, np.nan, 1e300],
            "s": ["a", None, "c"],
            "c": pd.Categorical(["x", "y", "x"], categories=["y", "x"], ordered=True),
            "t": pd.to_datetime(["2024-01-01", None, "2024-03-01"]),
            "b": [True, False, True],
            "nb": pd.array([True, None, False], dtype="boolean"),
            "ni": pd.array([1, None, 3], dtype="Int64"),
            "tz": pd.to_datetime(["2024-01-01", None, "2024-03-01"]).tz_localize("Europe/Berlin"),
        },
        index=[5, 3, 9],
    )
    pd.testing.assert_frame_equal(wire.loads(wire.dumps(frame)), frame)
    empty = frame.iloc[:0]
    pd.testing.assert_frame_equal(wire.loads(wire.dumps(empty)), empty)


def test_arrays_series_and_times_come_back() -> None:
    """Arrays, series and moments keep shape, name and unit."""
    array = np.arange(6, dtype="float32").reshape(2, 3)
    back = wire.loads(wire.dumps(array))
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)
    series = pd.Series([1.5, 2.5], index=["a", "b"], name="price")
    pd.testing.assert_series_equal(wire.loads(wire.dumps(series)), series)
    for value in (pd.Timestamp("2024-02-03 04:05:06.789"), dt.datetime(2024, 1, 2, 3), pd.Timedelta("3h")):  # noqa: DTZ001
        assert wire.loads(wire.dumps(value)) == value
    assert wire.loads(wire.dumps(pd.NaT)) is pd.NaT
    days = np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[D]")
    np.testing.assert_array_equal(wire.loads(wire.dumps(days)), days)


class Always(str):  # noqa: SLOT000
    """Equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


class Level(enum.IntEnum):
    HIGH = 3


@pytest.mark.parametrize("value", [np.int64(0), np.int64(7), np.bool_(False), np.bool_(True), np.float32(0)])
def test_numbers_of_numpy_are_data(value: np.generic) -> None:
    """Zero and False among them: what a learner's argmax finds in the first place is no object to hold on to."""
    back = wire.loads(wire.dumps((value,)))[0]
    assert (back, type(back)) == (value.item(), type(value.item()))


def test_impostors_arrive_as_what_they_are() -> None:
    """A subclass with a will of its own travels as the plain builtin."""
    back = wire.loads(wire.dumps([Always("no"), Level.HIGH, np.float64(0.5), np.int64(7), np.bool_(True)]))
    assert [type(item) for item in back] == [str, int, float, int, bool]
    assert back == ["no", 3, 0.5, 7, True]


@pytest.mark.parametrize("value", [object(), len, pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([(1, 2)]))])
def test_what_is_not_data_is_refused(value: object) -> None:
    """Objects, functions and exotic frames cannot be sent to a learner's function."""
    with pytest.raises(WireError, match=r"travel|cannot be sent"):
        wire.dumps(value)


@pytest.mark.parametrize(
    "text",
    ["{", '{"$":"bomb"}', '{"v":1}', '{"$":"handle","id":1}', '{"$":"array","dtype":"object","shape":[1],"v":[1]}',
     '{"$":"array","dtype":"float64","shape":[9],"v":[1]}', "[" * 100_000],
)  # fmt: skip
def test_malformed_text_is_refused(text: str) -> None:
    """Whatever a kernel sends, reading it ends in WireError at the worst."""
    with pytest.raises(WireError):
        wire.loads(text)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"$": "array", "dtype": "U500000000", "shape": [1], "v": ["a"]}, "too large"),
        ({"$": "index", "range": [0, 10**18, 1]}, "longer than anything"),
        ({"$": "index", "range": [0, 10**30, 1]}, "malformed"),
        ({"$": "index", "v": {"dtype": "S2000000000", "v": ["a"]}, "name": None}, "not one that was sent"),
        ({"$": "index", "v": {"dtype": "(30000,30000)f8", "v": [1]}, "name": None}, "not understood"),
        ([{"$": "frame", "columns": [], "index": {"range": [0, 0, 1]}, "v": []}] * 10_000, "more than 10,000"),
        ({"$": "frame", "columns": [], "v": [{"dtype": "bool", "v": [1]}] * 20_000}, "more than 10,000"),
        ({"$": "dict", "v": [[n * (2**61 - 1), 0] for n in range(1_000)]}, "share one hash"),
        ({"$": "set", "v": [n * (2**61 - 1) for n in range(1_000)]}, "share one hash"),
    ],
)
def test_a_small_text_cannot_become_a_large_value(data: object, reason: str) -> None:
    """What would take memory or hours where it is read is refused before it does."""
    with pytest.raises(WireError, match=reason):
        wire.loads(json.dumps(data))


def test_size_and_depth_are_bounded() -> None:
    """A huge or bottomless value is refused before it travels."""
    nested: list[object] = []
    nested.append(nested)
    with pytest.raises(WireError, match="deep"):
        wire.dumps(nested)
    with pytest.raises(WireError, match="at most"):
        wire.dumps("x" * (wire.MAX_BYTES + 1))
