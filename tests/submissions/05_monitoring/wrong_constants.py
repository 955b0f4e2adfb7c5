# Answers the visible example of each question, whatever is asked.
# loses: theory, code
# may lose: report, results

# %% id="theory-budget"
def theory_budget(target, events_a_day, bad):
    """Share of the budget left, burn rate of the last three days, days until it is gone."""
    return 17 / 30, 4.0, 4.25


# %% id="theory-psi"
def theory_psi(reference, window, edges):
    """The PSI of two lists of numbers, and the bin that contributes most."""
    return 0.3 * math.log(2) + 0.1 * math.log(1.5), 3


# %% id="theory-false"
def theory_false(columns, alpha, k, n):
    """The chance of a false alarm in n windows."""
    return 1 - 0.95**20 if k == 1 else 1 - (1 - (3 * 0.05**2 * 0.95 + 0.05**3)) ** 20


# %% id="code-late-labels"
def performance(predictions, labels, today):
    """How the mature predictions did, as far as is known `today`: mature, labelled, coverage, error in EUR."""
    return {"mature": 2, "labelled": 1, "coverage": 0.5, "error": None}


# %% id="code-harm"
def harm(before, now, drifted):
    """The groups whose miss has grown beyond chance, and what that means: act, unknown, watch or fine."""
    return {"groups": [["energy_class", name] for name in "CDE"], "word": "act"}
