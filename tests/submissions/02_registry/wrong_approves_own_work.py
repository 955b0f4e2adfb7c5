# Signs its own promotions, is refused each time, and reports a quiet day.
# loses: results, report

# %% id="results-release"
def gates(judge):
    def better(candidate, champion):
        return Evidence(id="better", passed=True)

    def slices(candidate, champion):
        return Evidence(id="slices", passed=True)

    return [better, slices]


def release_day(name, candidates, judge):
    for table in candidates:
        version = register(recorded(table), name, by="you", settings=settings).version
        promote(name, version, to="Staging", by="you", settings=settings)
        try:
            approval = Approval(by="you", reason="looks good")
            promote(name, version, to="Production", by="you", gates=gates(judge), approval=approval, settings=settings)
        except PromotionRefused:
            pass


# %% id="results-on-call"
def on_call(name, live):
    return False
