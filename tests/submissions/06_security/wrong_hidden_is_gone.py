# What no query shows any more is gone.
# loses: theory

# %% id="theory-erase"
theory_erase = {"A", "B", "C", "E"}
