# Lets lib's evaluator follow the rule: it forgets an alert whose series has a gap.
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
        low = (mean - 1.96 * miss.std() / len(miss) ** 0.5) / accepted
    if len(houses):
        drift = ks_2samp(houses["area_m2"], reference).statistic
    found = {"arrived": len(houses), "drift": drift, "labels": len(known), "miss": mean, "low": low}
    return found


def alerts(rule, windows):
    """The state of a rule after each window: "quiet", "pending" or "firing"."""
    from lib.monitoring.evaluate import Evaluator, utc
    from lib.monitoring.query import Over, Series
    from lib.monitoring.rules import Rule
    from lib.monitoring.samples import Samples

    day_s = 60.0
    watched = Rule(
        name="Worse", when=Over(Series("metric"), rule["above"]), severity="ticket", summary="worse",
        for_s=day_s * (rule["for"] - 1), keep_firing_s=day_s * rule["calm"],
    )  # fmt: skip
    evaluator, samples, states = Evaluator([watched]), Samples(keep_s=1e9), []
    for number, window in enumerate(windows):
        if window[rule["rows"]] >= rule["least"]:
            samples.add(number * day_s, "metric", (), window[rule["metric"]])
        else:
            samples.add(number * day_s, "metric", (), 0.0)
        evaluator.evaluate(samples, utc(number * day_s))
        states.append(evaluator.active[0].state if evaluator.active else "quiet")
    return states
