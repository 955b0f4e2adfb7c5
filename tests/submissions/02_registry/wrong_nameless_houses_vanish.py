# groupby drops the rows whose slice is missing, and nobody notices.
# loses: code

# %% id="code-slices"
def harmed(table, tolerance, least):
    groups = table.groupby("slice")
    means = groups[["champion", "challenger"]].mean()
    worse = means["challenger"] > means["champion"] * (1 + tolerance)
    return sorted(means.index[worse & (groups.size() >= least)])
