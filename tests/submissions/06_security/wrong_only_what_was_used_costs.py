# Divides by the predictions only what was used: nobody pays for machines that wait.
# loses: theory

# %% id="theory-cost"
def theory_cost(cores, hours, price, used, predictions):
    """Idle cost; 1,000 predictions with everything; 1,000 by what serving used. In USD."""
    spent = sum(used.values()) / 3_600 * price
    return cores * hours * price - spent, 1_000 * spent / predictions, used["serve"] / 3.6 * price / predictions
