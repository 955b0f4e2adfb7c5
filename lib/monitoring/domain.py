"""The domain classifier: whether a model can tell the rows of a window from those of the reference."""

from __future__ import annotations

import numpy as np

from lib.monitoring.sample import Floats, Integers
from lib.monitoring.table import Columns, Table

RIDGE = 100.0
FOLDS = 5
MOST_ROWS = 4_000
COMMON_SHARE = 0.01


class DomainClassifier:
    """Tells rows of a window from rows of a reference; how well it does is its AUC on rows that it was not trained on.

    The classifier is linear in the columns' ranks among the reference (−1 to 1), their squares, their pairwise products
    and one indicator a common category, fitted by ridge regression on the label (1: of the window). It so sees each
    column move, and each two numbers that come to hang together although neither moves; not what takes three columns to
    tell. A forest would see that as well, in 100 times the time.

    Each row is scored by the classifier of the four fifths that it does not belong to. AUC = P(score of a row of the
    window > score of a row of the reference), ties half: 0.5 when nothing can be told apart, 1 when everything.
    """

    def __init__(self, reference: Table, columns: Columns, *, seed: int = 0) -> None:
        self._columns, self._seed = columns, seed
        self._ordered = {name: np.sort(values[~np.isnan(values)]) for name, values in reference.numeric.items()}
        self._common = {
            name: np.flatnonzero(np.bincount(codes) >= COMMON_SHARE * reference.rows)
            for name, codes in reference.categorical.items()
        }
        self._reference = self._inputs(_some(reference, np.random.default_rng([seed, 0])))

    def auc(self, window: Table) -> float:
        """How well rows of `window` are told from the reference; at most `MOST_ROWS` of each are looked at."""
        random = np.random.default_rng([self._seed, 1])
        inputs = self._inputs(_some(window, random))
        return float(self._aucs(np.vstack([self._reference, inputs]), len(inputs), random, permutations=0)[0])

    def null(self, window: Table, *, permutations: int = 999) -> Floats:
        """The AUCs, in order, after the labels of reference and window were shuffled: what no drift at all gives.

        It depends on how many rows are compared, hardly on which: draw it once for a size of window.
        """
        random = np.random.default_rng([self._seed, 2])
        inputs = self._inputs(_some(window, random))
        return np.sort(self._aucs(np.vstack([self._reference, inputs]), len(inputs), random, permutations=permutations))

    def _inputs(self, table: Table) -> Floats:
        """Shape (rows, inputs): ranks, squares, products, indicators."""
        ranks = np.column_stack(
            [_ranks(values, self._ordered[name]) for name, values in table.numeric.items()]
            or [np.empty((table.rows, 0))]
        )
        first, second = np.triu_indices(ranks.shape[1])
        indicators = [
            (codes[:, None] == self._common[name]).astype(np.float64) for name, codes in table.categorical.items()
        ]
        return np.column_stack([ranks, ranks[:, first] * ranks[:, second], *indicators])

    def _aucs(self, inputs: Floats, window_rows: int, random: np.random.Generator, *, permutations: int) -> Floats:
        """The AUC of the true labels (0 permutations), or those of shuffled ones."""
        labels = np.zeros((len(inputs), max(permutations, 1)))
        labels[-window_rows:] = 1.0
        if permutations:
            labels = random.permuted(labels, axis=0)
        # Each fold has its share of both sides, in any order of the rows.
        folds = random.permutation(len(inputs)) % FOLDS
        return _aucs(_cross_fitted(inputs, labels, folds), labels)


def p_value(auc: float, null: Floats) -> float:
    """(1 + number of shuffled AUCs ≥ `auc`) / (1 + number of them): never 0, as nothing was shuffled for ever.

    >>> p_value(0.61, np.array([0.48, 0.5, 0.52]))
    0.25
    """
    return float(1 + len(null) - np.searchsorted(null, auc, side="left")) / (1 + len(null))


def _some(table: Table, random: np.random.Generator) -> Table:
    if table.rows <= MOST_ROWS:
        return table
    return table.take(np.sort(random.choice(table.rows, MOST_ROWS, replace=False)))


def _ranks(values: Floats, ordered: Floats) -> Floats:
    """The mid-rank among the reference, from −1 to 1; 0 for a missing value."""
    if not len(ordered):
        return np.zeros(len(values))
    twice = np.searchsorted(ordered, values, side="left") + np.searchsorted(ordered, values, side="right")
    return np.where(np.isnan(values), 0.0, twice / len(ordered) - 1.0)


def _cross_fitted(inputs: Floats, labels: Floats, folds: Integers) -> Floats:
    """Scores, shape (rows, label columns): score = x · (XᵀX + ridge)⁻¹ Xᵀ(y − ȳ) with X and y of the other folds."""
    scores = np.empty_like(labels)
    centred = inputs - inputs.mean(axis=0)
    ridge = RIDGE * np.eye(inputs.shape[1])
    whole, moments = centred.T @ centred, centred.T @ (labels - labels.mean(axis=0))
    for fold in range(FOLDS):
        held = folds == fold
        here, said = centred[held], labels[held] - labels.mean(axis=0)
        weights = np.linalg.solve(whole - here.T @ here + ridge, moments - here.T @ said)
        scores[held] = here @ weights
    return scores


def _aucs(scores: Floats, labels: Floats) -> Floats:
    """AUC = (mean rank of the window's rows − (n + 1) / 2) / m, by column of labels; n rows of the window, m others."""
    from scipy.stats import rankdata

    ranks = rankdata(scores, axis=0)
    ours = labels.sum(axis=0)
    others = len(labels) - ours
    return np.asarray(((ranks * labels).sum(axis=0) / ours - (ours + 1) / 2) / others)
