# Believes the first labels that come: of quick sales, and of few.
# loses: code, results
# may lose: report

# %% id="code-trigger"
def reason_to_train(state, today):
    """The first word that holds: "decay", "new data" and "schedule" start a training, the others do not."""
    week = [batch for batch in state["batches"] if 0 <= (today - batch["day"]).days < 7]
    if sum(batch["bad"] for batch in week) > BAD * sum(batch["rows"] for batch in week):
        return "bad data"
    last = max(state["trainings"])
    if (today - last).days < COOL_DOWN:
        return "cool-down"
    if sum((today - day).days < BUDGET_DAYS for day in state["trainings"]) >= BUDGET:
        return "budget"
    sound = [batch for batch in state["batches"] if batch["day"] >= last and batch["bad"] <= BAD * batch["rows"]]
    rows = sum(batch["rows"] - batch["bad"] for batch in sound)
    if rows < LEAST_ROWS:
        return "nothing"
    due = state["predictions"]
    known = due.dropna()
    miss = (known["predicted"] / known["sold_for"] - 1).abs()
    told_enough = len(known) > 1
    if told_enough and miss.mean() - 1.96 * miss.std() / len(known) ** 0.5 > state["reference"] * DECAY:
        return "decay"
    if rows >= ENOUGH_ROWS:
        return "new data"
    return "schedule" if (today - last).days >= EVERY else "nothing"
