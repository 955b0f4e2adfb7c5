# Puts the new bundle on the shelf, tests it there, and takes it back when it fails: for a moment it serves.
# loses: code
# may lose: results

# %% id="code-readiness"
def add_probes(app, shelf):
    """Add GET /live and GET /health."""

    @app.get("/live")
    def live():
        return {"status": "alive"}

    @app.get("/health")
    def health():
        bundle = shelf.bundle
        if bundle is None or shelf.draining:
            raise HTTPException(503, "draining" if shelf.draining else "no model", headers={"Retry-After": "1"})
        return {"status": "ok", "model_version": bundle.version}


def install(shelf, version, model):
    """Put a new bundle on the shelf once its model has priced GOLDEN sensibly; else ValueError, and nothing changes."""
    before, shelf.bundle = shelf.bundle, Bundle(version, model)
    try:
        prices = np.asarray(model.predict(GOLDEN), dtype=float)
    except Exception as problem:
        shelf.bundle = before
        raise ValueError(f"version {version} cannot price the golden rows: {problem!r}") from problem
    if prices.shape != (len(GOLDEN),) or not np.all((prices >= LOWEST) & (prices <= HIGHEST)):
        shelf.bundle = before
        raise ValueError(f"version {version} gave {prices.tolist()} for the golden rows")
