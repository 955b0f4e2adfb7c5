# Hands every task on to the nearest function of lib, which does something else than was asked.
# loses: code, results
# may lose: report

# %% id="code-stage-transition"
def new_version(name, rows):
    return register(recorded(rows), name, by="you", settings=settings).version


def move(name, version, to, by, approved_by=None):
    approval = Approval(by=approved_by, reason="asked") if approved_by else None
    promote(name, version, to=to, by=by, approval=approval, reason="asked", settings=settings)


# %% id="code-gate"
def worth_promoting(champion, challenger, margin):
    from lib.registry.gates import better_than_champion

    rows = pd.DataFrame({PRICE: champion, "challenger": challenger})
    return better_than_champion(rows, PRICE, metric="mae", margin=margin)(challenger, champion).passed


# %% id="code-slices"
def harmed(table, tolerance, least):
    from lib.registry import gates as ready

    return ready.no_slice_worse(table, "champion", by="slice", tolerance=tolerance, min_rows=least)


# %% id="code-point-in-time"
def known(asked, events, ttl_days):
    view = FeatureView(
        name="borrowed",
        version=next(_numbers),
        entity="district",
        columns={"eur_per_m2": "number"},
        ttl=timedelta(days=ttl_days),
        owner="you",
        event_time="true_at",
        arrived="arrived_at",
        naive_utc=True,
    )
    store.apply(view)
    store.ingest(view, events.dropna())
    rows = asked.rename(columns={"asked_at": "event_time"})
    values = store.join(rows, [view.reference], naive_utc=True)["eur_per_m2"]
    return [None if pd.isna(value) else float(value) for value in values]


# %% id="code-rollback"
def rollback_plan(ledger, features, online):
    done = rollback("house-price-predictor", by="you", reason="asked", settings=settings)
    return {"to": done.version, "materialise": []}


# %% id="code-review"
def champion_prices(name, rows):
    from lib.registry import load

    return load(name, settings=settings).model.predict(inputs(rows)).tolist()
