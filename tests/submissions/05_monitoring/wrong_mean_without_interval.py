# Divides the mean itself by what was accepted: half of all healthy windows are above.
# loses: code
# may lose: results

# %% id="code-performance-alerts"
def figures(houses, due, reference, accepted):
    """The figures of one window."""
    found = {"arrived": 0, "drift": 0.0, "labels": 0, "miss": 0.0, "low": 0.0}
    known = due.dropna()
    miss = (known["predicted"] / known["sold_for"] - 1).abs()
    mean, low, drift = 0.0, 0.0, 0.0
    if len(miss) > 1:
        mean = miss.mean()
        low = mean / accepted
    if len(houses):
        drift = ks_2samp(houses["area_m2"], reference).statistic
    found = {"arrived": len(houses), "drift": drift, "labels": len(known), "miss": mean, "low": low}
    return found


def alerts(rule, windows):
    """The state of a rule after each window: "quiet", "pending" or "firing"."""
    states = []
    state, bad, good = "quiet", 0, 0
    for window in windows:
        if window[rule["rows"]] >= rule["least"]:
            if window[rule["metric"]] > rule["above"]:
                bad, good = bad + 1, 0
            else:
                bad, good = 0, good + 1
            if bad >= rule["for"]:
                state = "firing"
            elif state != "firing" or good >= rule["calm"]:
                state = "pending" if bad else "quiet"
        states.append(state)
    return states
