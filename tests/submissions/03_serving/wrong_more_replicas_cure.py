# Slow requests? The largest minimum and the lowest target.
# loses: code, results
# may lose: report

# %% id="code-autoscale"
def choose(days, service_s, slo_s):
    """The cheapest (target, minimum) that keeps the promise on `days`, or None."""
    return min(TARGETS), max(MINIMUMS)
