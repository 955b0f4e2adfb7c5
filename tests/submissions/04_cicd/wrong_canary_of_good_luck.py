# Takes the expected wait for a certain one, and an alarm for the end.
# loses: theory

# %% id="theory-canary"
def theory_canary(error, sure, share, rate):
    """Seconds until a failure has been seen."""
    return 1 / error / (share * rate)


# %% id="theory-harm"
def theory_harm(rate, error, steps, needed, lag_s):
    """Wrong answers, on average, until the new version is gone."""
    answered = sum(share * rate * seconds for share, seconds in steps)
    return error * min(answered, needed)


# %% id="theory-trigger"
theory_trigger = {"A", "C", "F"}
