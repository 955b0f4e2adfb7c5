# Counts windows in which any column is flagged: two different ones in a row are an alarm.
# loses: theory

# %% id="theory-false"
def theory_false(columns, alpha, k, n):
    """The chance of a false alarm in n windows."""
    return float(1 - binom.cdf(k - 1, n, 1 - (1 - alpha) ** columns))
