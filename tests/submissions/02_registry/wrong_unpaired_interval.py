# Compares two piles of errors: the noise of hard houses hides every gain.
# loses: code
# may lose: results

# %% id="code-gate"
def worth_promoting(champion, challenger, margin):
    a, b = np.asarray(champion, dtype=float), np.asarray(challenger, dtype=float)
    error = np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    return bool(a.mean() - b.mean() - 1.65 * error > margin)
