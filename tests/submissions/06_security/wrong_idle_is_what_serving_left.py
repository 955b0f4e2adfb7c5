# Calls idle whatever serving did not use, training included.
# loses: theory

# %% id="theory-cost"
def theory_cost(cores, hours, price, used, predictions):
    """Idle cost; 1,000 predictions with everything; 1,000 by what serving used. In USD."""
    paid, served = cores * hours * price, used["serve"] / 3_600 * price
    return paid - served, 1_000 * paid / predictions, 1_000 * served / predictions
