# Treats 256 random bits like a password of eight letters.
# loses: theory

# %% id="theory-key"
theory_key = "D"
