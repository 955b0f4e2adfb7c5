# Looks at the mean of all houses, and names every group when it has grown.
# loses: code
# may lose: report, results

# %% id="code-harm"
def harm(before, now, drifted):
    """The groups whose miss has grown beyond chance, and what that means: act, unknown, watch or fine."""
    a, b = ((side["predicted"] / side[PRICE] - 1).abs() for side in (before, now))
    harmed = b.mean() - a.mean() > 3 * math.sqrt(a.var() / len(a) + b.var() / len(b))
    groups = [[column, value] for column in TEXTS for value in sorted(set(now[column]))] if harmed else []
    word = "act" if harmed else "unknown" if len(now) < JUDGED else "watch" if drifted else "fine"
    return {"groups": groups, "word": word}
