"""The quickest way to ask a fitted model for a few rows, and the plain way that it must agree with bit for bit.

A table for each request costs 0.3 ms and a ColumnTransformer 3 ms; plain arrays cost microseconds. Nothing is prepared
anew here: the encodings, means and trees are those of the fitted pipeline, and a self-test compares both ways.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lib.serving.forest import forest_mean
from lib.serving.schema import InputSchema, Row
from lib.tracking.read import to_frame

Predict = Callable[[Sequence[Row]], NDArray[Any]]
_Columns = list[tuple[Any, ...]]
_Encode = Callable[[_Columns, NDArray[np.float64]], None]


def frame_path(model: Any, schema: InputSchema) -> Predict:
    """`model.predict` on one table for all rows."""
    inputs = [{"name": each.name, "type": each.type, "required": each.required} for each in schema.inputs]
    model = _in_order(model)

    def predict(rows: Sequence[Row]) -> NDArray[Any]:
        return np.asarray(model.predict(to_frame(rows, inputs)))

    return predict


def array_path(model: Any, schema: InputSchema) -> Predict | None:
    """The same without tables, None for a pipeline with a step that is not known here.

    Known are a ColumnTransformer of one-hot encodings, scalings and columns as they are; scalings; and as the last step
    any estimator. Rows have their values in the order of the signature.
    """
    from sklearn.compose import ColumnTransformer

    *transforms, final = _steps(_in_order(model))
    if not all(each.required for each in schema.inputs):
        return None
    order: Literal["C", "F"] = "F"  # as pandas lays out a table: BLAS adds up in another order otherwise
    if transforms and isinstance(transforms[0], ColumnTransformer):
        order = "C"
        encoding = _encoding(transforms.pop(0), schema.names)
    elif any(each.type == "string" for each in schema.inputs):
        return None
    else:
        encoding = [_taken(number, number) for number in range(len(schema.names))], len(schema.names)
    scalings = [_scaling(each) for each in transforms]
    if encoding is None or None in scalings:
        return None
    encode, width = encoding
    answer = _answer(final, width)

    def predict(rows: Sequence[Row]) -> NDArray[Any]:
        columns = list(zip(*(row.values() for row in rows), strict=True))
        matrix = np.zeros((len(rows), width), order=order)
        for each in encode:
            each(columns, matrix)
        for scaling in scalings:
            if scaling is not None:
                scaling(matrix)
        return answer(matrix)

    return predict


def strict_categories(model: Any) -> dict[str, tuple[str, ...]]:
    """By column, the only words that an encoder of the pipeline takes: those that it was trained on."""
    from sklearn.compose import ColumnTransformer

    found = {}
    for step in _steps(model):
        for _, inner, columns in step.transformers_ if isinstance(step, ColumnTransformer) else ():
            encoder = _steps(inner)[0]
            if getattr(encoder, "handle_unknown", None) == "error":
                for column, seen in zip(columns, encoder.categories_, strict=True):
                    if isinstance(column, str) and all(isinstance(word, str) for word in seen.tolist()):
                        found[column] = tuple(seen.tolist())
    return found


def _in_order(model: Any) -> Any:
    """`model` with a last step that adds up its trees in order in one thread; the fitted parts are shared."""
    final = _steps(model)[-1]
    if getattr(final, "n_jobs", None) is None:
        return model
    single = copy.copy(final)
    single.n_jobs = None
    if final is model:
        return single
    pipeline = copy.copy(model)
    pipeline.steps = [(name, single if step is final else step) for name, step in model.steps]
    return pipeline


def _steps(model: Any) -> list[Any]:
    from sklearn.pipeline import Pipeline

    if not isinstance(model, Pipeline):
        return [model]
    return [step for _, step in model.steps if step is not None and step != "passthrough"]


def _encoding(transformer: Any, names: Sequence[str]) -> tuple[list[_Encode], int] | None:
    """How each column goes into the matrix, and the width of the matrix."""
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    encode: list[_Encode] = []
    width = 0
    for _, step, columns in transformer.transformers_:
        chosen = [names.index(column) if isinstance(column, str) else int(column) for column in columns]
        if not chosen or (isinstance(step, str) and step == "drop"):
            continue
        if isinstance(step, OneHotEncoder):
            if not _plain_one_hot(step):
                return None
            for source, categories in zip(chosen, step.categories_, strict=True):
                encode.append(_one_hot(source, width, categories.tolist(), strict=step.handle_unknown == "error"))
                width += len(categories)
            continue
        scaling = _scaling(step) if isinstance(step, StandardScaler) else None
        if scaling is None and not _as_it_is(step):
            return None
        encode += [_taken(source, width + offset) for offset, source in enumerate(chosen)]
        if scaling is not None:
            encode.append(_scaled(scaling, slice(width, width + len(chosen))))
        width += len(chosen)
    return encode, width


def _plain_one_hot(step: Any) -> bool:
    return (
        step.drop_idx_ is None
        and step.handle_unknown in ("ignore", "error")
        and not getattr(step, "infrequent_categories_", None)
        and all(isinstance(value, str) for categories in step.categories_ for value in categories.tolist())
    )


def _as_it_is(step: Any) -> bool:
    from sklearn.preprocessing import FunctionTransformer

    return step == "passthrough" or (isinstance(step, FunctionTransformer) and step.func is None)


def _taken(source: int, target: int) -> _Encode:
    def put(columns: _Columns, matrix: NDArray[np.float64]) -> None:
        matrix[:, target] = columns[source]

    return put


def _one_hot(source: int, first: int, categories: Sequence[str], *, strict: bool) -> _Encode:
    places = {category: first + offset for offset, category in enumerate(categories)}

    def put(columns: _Columns, matrix: NDArray[np.float64]) -> None:
        for row, value in enumerate(columns[source]):
            place = places.get(value)
            if place is not None:
                matrix[row, place] = 1.0
            elif strict:
                raise ValueError(f"{value!r} is a category that the model was not trained on ({', '.join(places)})")

    return put


def _scaled(scaling: Callable[[NDArray[np.float64]], None], where: slice) -> _Encode:
    return lambda _columns, matrix: scaling(matrix[:, where])


def _scaling(step: Any) -> Callable[[NDArray[np.float64]], None] | None:
    from sklearn.preprocessing import StandardScaler

    if not isinstance(step, StandardScaler):
        return None
    mean, scale = (step.mean_ if step.with_mean else None), step.scale_

    def scale_in_place(matrix: NDArray[np.float64]) -> None:
        if mean is not None:
            matrix -= mean
        if scale is not None:
            matrix /= scale

    return scale_in_place


def _answer(final: Any, width: int) -> Callable[[NDArray[np.float64]], NDArray[Any]]:
    from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

    if type(final) in (RandomForestRegressor, ExtraTreesRegressor) and final.n_outputs_ == 1:
        return forest_mean([tree.tree_ for tree in final.estimators_])
    names = getattr(final, "feature_names_in_", None)
    if names is None:
        return lambda matrix: np.asarray(final.predict(matrix))
    import pandas as pd

    columns = pd.Index(names[:width])
    return lambda matrix: np.asarray(final.predict(pd.DataFrame(matrix, columns=columns, copy=False)))
