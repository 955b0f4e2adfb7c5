# Takes core-seconds for core-minutes.
# loses: theory

# %% id="theory-cost"
def theory_cost(cores, hours, price, used, predictions):
    """Idle cost; 1,000 predictions with everything; 1,000 by what serving used. In USD."""
    paid = cores * hours * price
    idle = paid - sum(used.values()) / 60 * price
    return idle, 1_000 * paid / predictions, 1_000 * used["serve"] / 60 * price / predictions
