# Right, by another road: a t interval instead of the bootstrap, plain loops instead of groupby, answers written otherwise.

# %% id="theory-race"
theory_race = ["f", "e", "b", "a"]


# %% id="theory-false" task=true
def theory_false(p, k):
    none = 1.0
    for _ in range(k):
        none *= 1.0 - p
    return 1.0 - none


# %% id="code-gate"
def worth_promoting(champion, challenger, margin):
    gains = [old - new for old, new in zip(champion, challenger, strict=True)]
    mean = sum(gains) / len(gains)
    spread = (sum((gain - mean) ** 2 for gain in gains) / (len(gains) - 1)) ** 0.5
    return mean - 1.655 * spread / len(gains) ** 0.5 > margin


# %% id="code-slices"
def harmed(table, tolerance, least):
    sums = {}
    for row in table.itertuples():
        name = row.slice if isinstance(row.slice, str) else "unknown"
        n, old, new = sums.get(name, (0, 0.0, 0.0))
        sums[name] = (n + 1, old + row.champion, new + row.challenger)
    return sorted(name for name, (n, old, new) in sums.items() if n >= least and new / n > old / n * (1 + tolerance))
