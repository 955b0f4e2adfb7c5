# Leaves out one row for each group that is too small.
# loses: theory

# %% id="theory-k"
def theory_k(rows, columns, least):
    """The k of the table, and how many rows must go until each group has `least`."""
    groups = {}
    for row in rows:
        who = tuple(row[name] for name in columns)
        groups[who] = groups.get(who, 0) + 1
    return min(groups.values()), sum(size < least for size in groups.values())
