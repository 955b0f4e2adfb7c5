# The chain alone finds whatever is done to the trail.
# loses: theory

# %% id="theory-trail"
theory_trail = {"1": "A", "2": "A", "3": "A", "4": "A", "5": "A", "6": "A"}
