# What is never loaded is never harmful.
# loses: code, results
# may lose: report

# %% id="code-load-verified"
def load_verified(files, model, version, signers):
    """Nothing."""
    raise ValueError("nothing is trusted")
