# Hands every task on to the nearest thing in lib, which does something else than was asked.
# loses: code, results
# may lose: report

# %% id="code-predict-api"
def make_app(shelf, record):
    """A FastAPI app that answers POST /predict with what stands on `shelf`."""
    from lib.serving import create_app

    return create_app("house-price-predictor", settings=settings)


# %% id="code-readiness"
def add_probes(app, shelf):
    """Add GET /live and GET /health."""
    from lib.serving.app import create_app

    app.mount("/", create_app("house-price-predictor", settings=settings))


def install(shelf, version, model):
    """Put a new bundle on the shelf once its model has priced GOLDEN sensibly; else ValueError, and nothing changes."""
    from lib.serving import make_bundle

    shelf.bundle = make_bundle(load("house-price-predictor", settings=settings))


# %% id="code-partition"
def score_day(file, day, version):
    """Value the houses of one day; may run again at any time. Returns how many got a price."""
    from lib.serving.batch import Query, score_table

    query = Query(f"SELECT * FROM houses WHERE day = '{day}'", database=file)
    return score_table(query, f"{file}-scores", model="house-price-predictor", key="house", settings=settings).scored


# %% id="code-autoscale"
def choose(days, service_s, slo_s):
    """The cheapest (target, minimum) that keeps the promise on `days`, or None."""
    from lib.serving.autoscale import recommend

    return 0.8, recommend(4, days[0][:4], AutoscalePolicy(target=0.8))
