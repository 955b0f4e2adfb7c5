# Looks at the average over all houses: no slice is ever harmed when the whole gains.
# loses: code, results

# %% id="code-slices"
def harmed(table, tolerance, least):
    if table["challenger"].mean() <= table["champion"].mean() * (1 + tolerance):
        return []
    sizes = table["slice"].value_counts()
    return sorted(sizes.index[sizes >= least])
