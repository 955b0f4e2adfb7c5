# Never speaks: then no alarm is false.
# loses: results

# %% id="results-monitor"
RULES = {}


def monitor(windows, due):
    """The word of this morning."""
    return action([], due)
