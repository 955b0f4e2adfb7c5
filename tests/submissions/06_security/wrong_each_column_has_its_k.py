# Looks at one column after the other: together they say more than each alone.
# loses: theory

# %% id="theory-k"
def theory_k(rows, columns, least):
    """The k of the table, and how many rows must go until each group has `least`."""
    table = pd.DataFrame(rows)
    sizes = {name: table.groupby(name)[name].transform("size") for name in columns}
    small = pd.DataFrame({name: size < least for name, size in sizes.items()}).any(axis=1)
    return int(min(size.min() for size in sizes.values())), int(small.sum())
