# A gate is good when it stops much.
# loses: code, results
# may lose: report

# %% id="code-smoke"
def smoke(address, version, houses, prices):
    """What is wrong with the release at `address`: a list of texts, empty for a good one."""
    return ["better safe than sorry"]
