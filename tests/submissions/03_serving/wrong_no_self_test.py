# Puts every champion on the shelf: it was promoted, so it is good.
# loses: code, results

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
    shelf.bundle = Bundle(version, model)
