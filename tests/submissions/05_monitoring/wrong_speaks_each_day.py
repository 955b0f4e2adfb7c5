# Speaks each day: then it misses nothing.
# loses: results

# %% id="results-monitor"
RULES = {}


def monitor(windows, due):
    """The word of this morning."""
    return "manual"
