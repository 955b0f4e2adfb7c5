# %% [markdown] id="intro" half="theory" minutes=5
# # A rent model
# The yardstick of `make bench`: small tasks behind the imports that courses in this field have.

# %% id="parameters" tags=["parameters"]
ROWS = 300

# %% id="imports" shared=true
import evidently
import mlflow
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.metrics import root_mean_squared_error

from autograder.lab import attempt, expect, require, seed


def rents(rows, number):
    """Flats with their monthly rent, EUR; every tenth rent is missing."""
    draw = np.random.default_rng(number)
    table = pd.DataFrame({"area": draw.uniform(20, 120, rows), "rooms": draw.integers(1, 6, rows)})
    table["rent"] = 300 + 9 * table["area"] + 40 * table["rooms"] + draw.normal(0, 50, rows)
    table.loc[table.index % 10 == 3, "rent"] = None
    return table


# %% id="data"
houses = rents(ROWS, 1)

# %% [markdown] id="question"
# A model is judged on the rows that it was fitted on. Its error there is, on average,
# A: too low, B: right, C: too high.

# %% id="theory-optimism" answer="choice" options="ABC" points=2
theory_optimism = None
### BEGIN SOLUTION
theory_optimism = "A"
### END SOLUTION


# %% id="code-clean" task=true
def clean(table):
    """The rows whose rent is known, numbered anew."""
    ### BEGIN SOLUTION
    return table.dropna(subset=["rent"]).reset_index(drop=True)
    ### END SOLUTION


# %% id="code-clean-check" check="code-clean" points=2
known = clean(rents(50, 2))
require(isinstance(known, pd.DataFrame), "clean returns a table")
expect(len(known), 45)
require(bool(known["rent"].notna().all()), "some rents are still missing")
### BEGIN HIDDEN TESTS
table = rents(60, seed())
expect(clean(table)["rent"].tolist(), table["rent"].dropna().tolist(), secret=True)
### END HIDDEN TESTS


# %% id="code-split" task=true
def split(table, share):
    """The first `share` of the rows, and the rest."""
    ### BEGIN SOLUTION
    cut = round(share * len(table))
    return table.iloc[:cut], table.iloc[cut:]
    ### END SOLUTION


# %% id="code-split-check" check="code-split" points=2
first, rest = split(rents(40, 3), 0.75)
expect([len(first), len(rest)], [30, 10])
require(max(first.index) < min(rest.index), "the order of the rows is part of the data")
### BEGIN HIDDEN TESTS
table = rents(80, seed())
first, rest = split(table, 0.5)
expect(rest["area"].tolist(), table["area"].tolist()[40:], secret=True)
### END HIDDEN TESTS


# %% id="code-guard" task=true
def rmse(model, table):
    """Root mean squared error of `model` on `table`, EUR; ValueError for an empty table."""
    ### BEGIN SOLUTION
    if table.empty:
        raise ValueError("no rows to judge the model on")
    return root_mean_squared_error(table["rent"], model.predict(table[["area", "rooms"]]))
    ### END SOLUTION


# %% id="results-model" task=true
model = None
### BEGIN SOLUTION
model = LinearRegression().fit(clean(houses)[["area", "rooms"]], clean(houses)["rent"])
### END SOLUTION

# %% id="code-guard-check" check="code-guard results-model" points=2
value, error = attempt(rmse, model, rents(20, 4).head(0))
expect(error, "ValueError", slip="an empty table must raise ValueError")
### BEGIN HIDDEN TESTS
table = rents(200, seed()).dropna()
gaps = table["rent"] - np.asarray(model.predict(table[["area", "rooms"]]), dtype=float)
expect(rmse(model, table), float(np.sqrt((gaps**2).mean())), rel=1e-9, secret=True)
### END HIDDEN TESTS

# %% id="results-model-check" check="results-model" points=3
table = rents(200, 5).dropna()
predicted = np.asarray(model.predict(table[["area", "rooms"]]), dtype=float)
error = float(root_mean_squared_error(table["rent"], predicted))
require(error < 60, f"the model misses rents by {error:.0f} EUR; noise alone is 50")
### BEGIN HIDDEN TESTS
table = rents(200, seed()).dropna()
predicted = np.asarray(model.predict(table[["area", "rooms"]]), dtype=float)
error = float(root_mean_squared_error(table["rent"], predicted))
require(error < 60, "the model is worse on rows that it has not seen")
### END HIDDEN TESTS

# %% [markdown] id="report-text" points=1
# ### BEGIN SOLUTION
# The model misses by the noise of the data.
# ### END SOLUTION
