# Takes the budget of the days that have passed for that of the thirty days.
# loses: theory

# %% id="theory-budget"
def theory_budget(target, events_a_day, bad):
    """Share of the budget left, burn rate of the last three days, days until it is gone."""
    a_day = (1 - target) * events_a_day
    left, burn = 1 - sum(bad) / (len(bad) * a_day), sum(bad[-3:]) / 3 / a_day
    return left, burn, len(bad) * left / burn if burn and left > 0 else 0.0
