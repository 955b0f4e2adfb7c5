# What has no name and no number in clear is nobody's.
# loses: theory

# %% id="theory-personal"
theory_personal = {"E"}
