"""What answers: a model with its schema and version as one immutable thing, tested before it is let near a request."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from lib.errors import UnfitModel
from lib.registry import LoadedVersion
from lib.serving.predict import Predict, array_path, frame_path, strict_categories
from lib.serving.schema import InputSchema, Row, input_schema

SELF_TEST_ROWS = 32
_log = logging.getLogger(__name__)
Answer = float | int | str | bool
_OUTPUT_TYPES = {bool: "BOOL", int: "INT64", float: "FP64", str: "BYTES"}


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A version with everything that an answer needs.

    `path` says whether it is asked by arrays or by tables, `output_type` is the Open Inference Protocol's word for the
    type of its answers.
    """

    name: str
    version: int
    run_id: str
    digest: str
    schema: InputSchema
    predict: Predict
    path: Literal["arrays", "tables"]
    output_type: str

    def answer(self, rows: Sequence[Row]) -> list[Answer]:
        """One answer a row; raises UnfitModel when there are more, fewer, or one is not finite."""
        return _plain(self.predict(rows), len(rows))


def make_bundle(loaded: LoadedVersion) -> Bundle:
    """Test a loaded version on rows made from its declared inputs; returns it ready and warm.

    Raises UnfitModel when it has no signature, cannot answer these rows, or answers with other than finite values, one
    a row.
    """
    schema = input_schema(loaded.signature, only=strict_categories(loaded.model))
    rows = schema.examples(SELF_TEST_ROWS)
    with threadpool_limits(1):
        try:
            plain = frame_path(loaded.model, schema)
            expected = plain(rows)
            answers = _plain(expected, len(rows))
            quick = _quick(loaded.model, schema, plain)
        except UnfitModel as error:
            raise UnfitModel(f"version {loaded.version} of {loaded.name} failed its self-test: {error}") from error
        except Exception as error:  # whatever an estimator raises, it must not answer
            raise UnfitModel(
                f"version {loaded.version} of {loaded.name} failed its self-test: predict raised "
                f"{type(error).__name__}: {error}"
            ) from error
    return Bundle(
        name=loaded.name,
        version=loaded.version,
        run_id=loaded.run_id,
        digest=loaded.digest,
        schema=schema,
        predict=plain if quick is None else quick,
        path="tables" if quick is None else "arrays",
        output_type=_OUTPUT_TYPES[type(answers[0])],
    )


def _quick(model: Any, schema: InputSchema, plain: Predict) -> Predict | None:
    """The way by arrays, if there is one for `model` and it answers as `plain` does, bit for bit."""
    rows = schema.examples(SELF_TEST_ROWS)
    try:
        quick = array_path(model, schema)
        if quick is not None and all(np.array_equal(quick(some), plain(some)) for some in (rows, rows[-1:])):
            return quick
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        # The plain path answers, so the model is sound: it is only not made for the quick one.
        _log.info("no array path: %s: %s", type(error).__name__, error)
    return None


def _plain(found: NDArray[Any], rows: int) -> list[Answer]:
    if found.shape != (rows,):
        raise UnfitModel(f"it gave answers of shape {found.shape} for {rows} rows; one number or label a row is served")
    answers: list[Any] = found.tolist()
    for number, answer in enumerate(answers):
        if not isinstance(answer, (bool, int, float, str)) or (isinstance(answer, float) and not math.isfinite(answer)):
            raise UnfitModel(f"its answer to row {number} is {answer!r}, which is no finite number and no label")
    return answers
