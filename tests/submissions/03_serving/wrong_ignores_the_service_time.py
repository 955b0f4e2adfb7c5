# Takes the whole promise for waiting time.
# loses: code
# may lose: results, report

# %% id="code-autoscale"
def choose(days, service_s, slo_s):
    """The cheapest (target, minimum) that keeps the promise on `days`, or None."""
    wait_s, good = slo_s, []
    if service_s >= slo_s:
        return None
    for target, minimum in itertools.product(TARGETS, MINIMUMS):
        played = [one_day(load, target, minimum, wait_s) for load in days]
        late = sum(day.late * sum(load) for day, load in zip(played, days, strict=True))
        if late <= LATE * sum(map(sum, days)):
            good.append((sum(day.replica_minutes for day in played), target, minimum))
    return min(good)[1:] if good else None
