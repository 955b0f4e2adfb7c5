# Ready as long as there is a model, also while it is being stopped.
# loses: code

# %% id="code-readiness"
def add_probes(app, shelf):
    """Add GET /live and GET /health."""

    @app.get("/live")
    def live():
        return {"status": "alive"}

    @app.get("/health")
    def health():
        bundle = shelf.bundle
        if bundle is None:
            raise HTTPException(503, "no model", headers={"Retry-After": "1"})
        return {"status": "ok", "model_version": bundle.version}


def install(shelf, version, model):
    """Put a new bundle on the shelf once its model has priced GOLDEN sensibly; else ValueError, and nothing changes."""
    try:
        prices = np.asarray(model.predict(GOLDEN), dtype=float)
    except Exception as problem:
        raise ValueError(f"version {version} cannot price the golden rows: {problem!r}") from problem
    if prices.shape != (len(GOLDEN),) or not np.all((prices >= LOWEST) & (prices <= HIGHEST)):
        raise ValueError(f"version {version} gave {prices.tolist()} for the golden rows")
    shelf.bundle = Bundle(version, model)
