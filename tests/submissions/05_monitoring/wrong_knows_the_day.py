# Speaks on the days on which it would have been right at home.
# loses: results

# %% id="results-monitor"
RULES = {}


def monitor(windows, due):
    """The word of this morning."""
    last = windows[-1]
    return "retrain" if len(windows) in (28, 29, 30, 31) and last["low"] > 0 else "nothing"
