# Encryption of the disk stops everything.
# loses: theory

# %% id="theory-threats"
theory_threats = {"1": "A", "2": "A", "3": "C", "4": "E", "5": "F", "6": "A"}
