# On call, takes any worse night for an incident.
# loses: results

# %% id="results-release"
def gates(judge):
    def compared(candidate, champion):
        return misses(champion.model, judge), misses(candidate.model, judge)

    def better(candidate, champion):
        if champion is None:
            return Evidence(id="better", passed=True)
        old, new = compared(candidate, champion)
        passed = worth_promoting(old.tolist(), new.tolist(), MARGIN)
        return Evidence(id="better", passed=passed, measured=float((old - new).mean()), threshold=MARGIN)

    def slices(candidate, champion):
        if champion is None:
            return Evidence(id="slices", passed=True)
        old, new = compared(candidate, champion)
        table = pd.DataFrame({"slice": judge["district"], "champion": old, "challenger": new})
        worse = harmed(table, TOLERANCE, LEAST)
        return Evidence(id="slices", passed=not worse, measured=worse, threshold=TOLERANCE)

    return [better, slices]


def release_day(name, candidates, judge):
    for table in candidates:
        version = register(recorded(table), name, by="you", settings=settings).version
        promote(name, version, to="Staging", by="you", settings=settings)
        try:
            approval = Approval(by="rita", reason="both gates passed")
            promote(name, version, to="Production", by="you", gates=gates(judge), approval=approval, settings=settings)
        except PromotionRefused:
            pass


# %% id="results-on-call"
def on_call(name, live):
    now = history(name, settings=settings)[-1]
    present, before = (mlflow.sklearn.load_model(f"models:/{name}/{n}") for n in (now.champion, now.previous))
    if misses(present, live).mean() <= misses(before, live).mean():
        return False
    rollback(name, by="you", reason="the error was higher tonight", settings=settings)
    return True
