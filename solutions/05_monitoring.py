# %% [markdown] id="title"
# # 05 · Monitoring: the model that fails politely
#
# Nothing is red. The service answers in eight milliseconds, each request gets a 200, the tests of module 04 are green, and for five weeks
# now the prices have been wrong by a fifth. Interest rates rose in spring; the houses are the same, what people pay for
# them is not. A broken program crashes. A broken model answers, politely and fast.
#
# After this lab you can
#
# - say which figure would have told you, how soon, and which never could;
# - judge a model by labels that come late, and not be fooled by those that come first;
# - tell drift from chance, and drift from damage;
# - write alerts that somebody still believes in after a year, each with an action that helps;
# - write down what went wrong, so that it does not happen to the next one.
#
# It takes about 100 minutes, half reading and trying, half building. Where it says **Predict**, say your guess aloud before
# you run the cell. A check stands under every question and task. Cells that only draw or prepare are folded.

# %% id="parameters" tags=["parameters"]
SEED = 50
ROWS = 1500

# %% id="imports" folded=true shared=true
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binom, chisquare, ks_2samp, wasserstein_distance
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor

from autograder.lab import examine, expect, in_notebook, require, seed
from lib.market import PRICE, simulate

# %% id="helpers" folded=true shared=true
TEXTS = ["district", "energy_class"]
NUMBERS = ["area_m2", "rooms", "age_years", "distance_km", "condition"]
COLUMNS = [*TEXTS, *NUMBERS]
DISTRICTS, CLASSES = ("centre", "suburb", "country"), "ABCDEFG"


def inputs(rows):
    """What a model sees of a table of houses: its numbers, how good its energy class is, and its district."""
    energy = rows["energy_class"].map(dict(zip(CLASSES, range(7), strict=True)))
    return np.column_stack(
        [rows[NUMBERS].to_numpy(dtype=float), energy, *(rows["district"] == name for name in DISTRICTS)]
    )


def fitted(rows):
    """A model of the price in EUR, trained on `rows`: boosted trees on its logarithm."""
    trees = HistGradientBoostingRegressor(max_iter=80, learning_rate=0.12, random_state=0)
    return TransformedTargetRegressor(trees, func=np.log, inverse_func=np.exp).fit(inputs(rows), rows[PRICE].to_numpy())


def town(scenario, rows, number, *, after=True):
    """`rows` sold houses, listed after (or before) everything that `scenario` moves has moved; of seed `number`."""
    houses = simulate(scenario, rows=7 * rows, seed=number, days=4_000).houses
    day = (houses["listed_on"] - houses["listed_on"].min()).dt.days
    part = houses[day.between(3_000, 3_620) if after else day < 1_000].head(rows)
    return part[["house_id", *COLUMNS, PRICE]].reset_index(drop=True)


def off(rows, predicted):
    """By how much each prediction misses the price, as a share of it."""
    return np.abs(predicted / rows[PRICE].to_numpy() - 1)


# %% id="setup" folded=true
# %matplotlib inline
import matplotlib.pyplot as plt

from lib.workspace import enter

plt.rcParams.update(
    {"figure.figsize": (7.5, 2.9), "figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False}
)
plt.rcParams.update({"axes.titlelocation": "left", "axes.titlesize": 11, "font.size": 9.5})
BLUE, ORANGE, GREY, GREEN = "#2f6690", "#d1495b", "#9aa5b1", "#3a7d44"

workspace = enter("05_monitoring")
last_year, this_spring = town("stable", ROWS, SEED, after=False), town("stable", 800, SEED + 1, after=False)
model = fitted(last_year)
print("ready")
