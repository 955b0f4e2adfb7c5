# Compares piles, not pairs, and follows the best of each list instead of one candidate.
# loses: theory

# %% id="theory-gap"
def theory_gap(a, b):
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    return float((a.mean() - b.mean()) / np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)))


# %% id="theory-optimism"
def theory_optimism(test, later):
    return min(later) - min(test)


# %% id="theory-reading"
theory_reading = "C"

# %% id="theory-six"
theory_six = {"B", "C"}
