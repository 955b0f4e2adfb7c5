# A signature vouches for the data, the approval and the code.
# loses: theory

# %% id="theory-signature"
theory_signature = {"A", "B", "C", "D", "E"}
