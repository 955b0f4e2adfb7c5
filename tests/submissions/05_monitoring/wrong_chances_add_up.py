# Adds chances up, column by column, and asks for exactly k windows.
# loses: theory

# %% id="theory-false"
def theory_false(columns, alpha, k, n):
    """The chance of a false alarm in n windows."""
    return min(1.0, columns * math.comb(n, k) * alpha**k * (1 - alpha) ** (n - k))
