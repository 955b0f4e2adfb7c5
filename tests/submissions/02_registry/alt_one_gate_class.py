# Right, by another road: gates as objects, lib's loader on call, and candidates that stay refused without a word.

# %% id="results-release"
class _Judged:
    def __init__(self, judge, name, limit, measure, passes):
        self.judge, self.__name__, self.limit, self.measure, self.passes = judge, name, limit, measure, passes

    def __call__(self, candidate, champion):
        if champion is None:
            return Evidence(id=self.__name__, passed=True, threshold=self.limit)
        table = self.judge[["district"]].rename(columns={"district": "slice"})
        table = table.assign(
            champion=misses(champion.model, self.judge), challenger=misses(candidate.model, self.judge)
        )
        found = self.measure(table)
        return Evidence(id=self.__name__, passed=self.passes(table), measured=found, threshold=self.limit)


def gates(judge):
    def gain(table):
        return float(table["champion"].mean() - table["challenger"].mean())

    def enough(table):
        return worth_promoting(table["champion"].tolist(), table["challenger"].tolist(), MARGIN)

    def hurt(table):
        return harmed(table, TOLERANCE, LEAST)

    return [
        _Judged(judge, "slices", TOLERANCE, hurt, lambda table: not hurt(table)),
        _Judged(judge, "better", MARGIN, gain, enough),
    ]


def release_day(name, candidates, judge):
    for number, table in enumerate(candidates, start=1):
        version = register(recorded(table), name, by="you", settings=settings).version
        promote(name, version, to="Staging", by="you", reason=f"candidate {number}", settings=settings)
        approval = Approval(by="rita", reason=f"candidate {number} of {len(candidates)}")
        try:
            promote(name, version, to="Production", by="you", gates=gates(judge), approval=approval, settings=settings)
        except PromotionRefused:
            continue


# %% id="results-on-call"
def on_call(name, live):
    from lib.registry import load

    lines = history(name, settings=settings)
    before = lines[-1].previous
    if before is None:
        return False
    old = misses(mlflow.pyfunc.load_model(f"models:/{name}/{before}"), live)
    new = misses(load(name, settings=settings).model, live)
    bad = worth_promoting(new.tolist(), old.tolist(), MARGIN)
    if bad:
        rollback(name, by="you", reason=f"on {len(live)} live houses version {before} was better", settings=settings)
    return bad


# %% id="report-evidence"
evidence = {"version": None, "run_id": None, "gain_eur": None, "sequence": None}
for line in history(NAME, settings=settings):
    if line.kind == "promote" and line.to_stage == "Production":
        gain = {each.id: each.measured for each in line.evidence}["better"]
        evidence = {"version": line.version, "run_id": line.run_id, "gain_eur": gain, "sequence": line.sequence}
