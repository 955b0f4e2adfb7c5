# Promotes whatever has the lower mean error on these houses.
# loses: code, results

# %% id="code-gate"
def worth_promoting(champion, challenger, margin):
    return bool(np.mean(champion) - np.mean(challenger) > 0)
