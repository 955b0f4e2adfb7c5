# Trains each day: then the model is never old.
# loses: results

# %% id="results-monitor"
RULES = {}


def monitor(windows, due):
    """The word of this morning."""
    return "retrain"
