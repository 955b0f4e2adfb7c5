# Asks for the margin, and takes the mean gain on these houses for the true one.
# loses: code
# may lose: results

# %% id="code-gate"
def worth_promoting(champion, challenger, margin):
    return bool(np.mean(champion) - np.mean(challenger) > margin)
