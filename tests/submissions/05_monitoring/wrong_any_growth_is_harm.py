# Takes any growth of the miss for harm.
# loses: code
# may lose: report, results

# %% id="code-harm"
def harm(before, now, drifted):
    """The groups whose miss has grown beyond chance, and what that means: act, unknown, watch or fine."""
    groups, judged = [], 0
    for column in TEXTS:
        for value in sorted(set(before[column]) & set(now[column])):
            a, b = ((side["predicted"] / side[PRICE] - 1).abs()[side[column] == value] for side in (before, now))
            if min(len(a), len(b)) < JUDGED:
                continue
            judged += 1
            if b.mean() > a.mean():
                groups.append([column, value])
    if groups:
        word = "act"
    elif judged == 0:
        word = "unknown"
    else:
        word = "watch" if len(drifted) > 0 else "fine"
    return {"groups": groups, "word": word}
