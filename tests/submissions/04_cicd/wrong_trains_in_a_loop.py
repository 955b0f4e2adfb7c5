# No cool-down, no budget: as long as the error is high, train.
# loses: code, results
# may lose: report

# %% id="code-trigger"
def reason_to_train(state, today):
    """The first word that holds: "decay", "new data" and "schedule" start a training, the others do not."""
    week = [batch for batch in state["batches"] if 0 <= (today - batch["day"]).days < 7]
    if sum(batch["bad"] for batch in week) > BAD * sum(batch["rows"] for batch in week):
        return "bad data"
    last = max(state["trainings"])
    sound = [batch for batch in state["batches"] if batch["day"] >= last and batch["bad"] <= BAD * batch["rows"]]
    rows = sum(batch["rows"] - batch["bad"] for batch in sound)
    if rows < LEAST_ROWS:
        return "nothing"
    due = state["predictions"].query("age_days >= @DUE_DAYS")
    known = due.dropna()
    miss = (known["predicted"] / known["sold_for"] - 1).abs()
    told_enough = len(known) >= LEAST_LABELS and len(known) >= COVERAGE * len(due)
    if told_enough and miss.mean() - 1.96 * miss.std() / len(known) ** 0.5 > state["reference"] * DECAY:
        return "decay"
    if rows >= ENOUGH_ROWS:
        return "new data"
    return "schedule" if (today - last).days >= EVERY else "nothing"
