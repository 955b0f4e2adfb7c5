# Hands lib's ready gates over: they judge shares of an error, under other names, and not what was agreed on.
# loses: results
# may lose: report

# %% id="results-release"
def gates(judge):
    from lib.registry.gates import better_than_champion, no_slice_worse

    return [
        better_than_champion(judge, PRICE, metric="mae", margin=0.02),
        no_slice_worse(judge, PRICE, by="district", tolerance=TOLERANCE, min_rows=LEAST),
    ]


def release_day(name, candidates, judge):
    for table in candidates:
        version = register(recorded(table), name, by="you", settings=settings).version
        promote(name, version, to="Staging", by="you", settings=settings)
        try:
            approval = Approval(by="rita", reason="both gates passed")
            promote(name, version, to="Production", by="you", gates=gates(judge), approval=approval, settings=settings)
        except PromotionRefused:
            pass
