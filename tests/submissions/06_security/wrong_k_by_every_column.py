# Groups the rows by all their columns, the secret one included.
# loses: theory

# %% id="theory-k"
def theory_k(rows, columns, least):
    """The k of the table, and how many rows must go until each group has `least`."""
    groups = {}
    for row in rows:
        who = tuple(row.values())
        groups[who] = groups.get(who, 0) + 1
    return min(groups.values()), sum(size for size in groups.values() if size < least)
