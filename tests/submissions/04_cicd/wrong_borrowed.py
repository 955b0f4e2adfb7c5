# Hands every task on to the nearest thing in lib, which does something else than was asked.
# loses: theory, code, results
# may lose: report

# %% id="theory-canary"
def theory_canary(error, sure, share, rate):
    """Seconds until a failure has been seen."""
    from lib.delivery.canary import requests_needed

    return requests_needed(error, confidence=sure)


# %% id="code-smoke"
def smoke(address, version, houses, prices):
    """What is wrong with the release at `address`: a list of texts, empty for a good one."""
    from lib.delivery import golden_prices
    from lib.delivery import smoke as ask

    report = ask(address, Expected(golden=golden_prices(houses, prices), model_version=version))
    return [check.reason for check in report.checks if check.outcome != "passed"]


# %% id="code-trigger"
def reason_to_train(state, today):
    """The first word that holds: "decay", "new data" and "schedule" start a training, the others do not."""
    from lib.delivery import MonitoringState, TriggerPolicy, decide

    known = {
        "trained_on": max(state["trainings"]),
        "new_rows": 5_000,
        "bad_share": 0.0,
        "reference": state["reference"],
    }
    found = decide(MonitoringState(today=today, attempts=tuple(state["trainings"]), **known), TriggerPolicy())
    return found.fired[0] if found.retrain else "nothing"


# %% id="code-compare"
def compare(sales, challenger, champion):
    """The challenger against the champion on common unseen rows: {"rows": …, "gain": …, "low": …, "wins": …}."""
    from lib.registry.comparison import paired_gain

    n = min(len(sales), len(challenger["answers"]), len(champion["answers"]))
    said = sales["sold_for"].to_numpy()[:n]
    found = paired_gain(
        said, challenger["answers"]["answer"].to_numpy()[:n], champion["answers"]["answer"].to_numpy()[:n]
    )
    return {"rows": n, "gain": found.gain, "low": found.low, "wins": found.low > 0}


# %% id="code-rollback"
def roll_back(folder, version):
    """Take back the commit that released `version` to production; returns the id of the new commit, or None."""
    repository = WantedRepository(Path(folder))
    return repository.revert(repository.head(), by="you").id
