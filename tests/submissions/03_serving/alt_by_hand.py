# Right, by another road: no pydantic, an async handler, a router, 400 in place of 422.

# %% id="code-predict-api"
def make_app(shelf, record):
    """A FastAPI app that answers POST /predict with what stands on `shelf`."""
    from fastapi import APIRouter, Request
    from starlette.concurrency import run_in_threadpool

    router = APIRouter()
    limits = {
        "area_m2": (10, 400, (int, float)),
        "rooms": (1, 12, int),
        "age_years": (0, 200, int),
        "distance_km": (0, 60, (int, float)),
        "condition": (1, 5, int),
    }

    def no(field, reason):
        return JSONResponse({"error": f"{field}: {reason}"}, status_code=400)

    def fault(house):
        if not isinstance(house, dict):
            return "rows", "a house is an object"
        for name in sorted(set(house) ^ set(COLUMNS)):
            return name, "missing or unknown"
        if house["district"] not in ("centre", "suburb", "country"):
            return "district", "unknown"
        for name, (low, high, kind) in limits.items():
            value = house[name]
            if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
                return name, f"not between {low} and {high}"
        return None

    @router.post("/predict")
    async def predict(request: Request):
        now = shelf.bundle
        if now is None:
            return JSONResponse({"error": "no model"}, 503, {"Retry-After": "2"})
        try:
            body = json.loads(await request.body())
        except ValueError:
            return no("body", "not JSON")
        rows = body.get("rows") if isinstance(body, dict) else None
        if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
            return no("rows", f"a list of 1 to {MAX_ROWS} houses")
        for house in rows:
            if found := fault(house):
                return no(*found)
        prices = await run_in_threadpool(now.model.predict, pd.DataFrame.from_records(rows, columns=COLUMNS))
        answer = {"request_id": str(uuid4()), "model_version": now.version, "predictions": [float(p) for p in prices]}
        try:
            await run_in_threadpool(record, answer["request_id"], now.version, rows, answer["predictions"])
        except OSError:
            return JSONResponse({"error": "disk"}, 503, {"Retry-After": "30"})
        return answer

    app = FastAPI()
    app.include_router(router)
    return app


# %% id="code-readiness"
def add_probes(app, shelf):
    """Add GET /live and GET /health."""
    app.add_api_route("/live", lambda: Response(status_code=200))

    async def health():
        if shelf.draining or (now := shelf.bundle) is None:
            return JSONResponse({"status": "not ready"}, 503)
        return JSONResponse({"status": "ok", "model_version": now.version})

    app.add_api_route("/health", health, methods=["GET"])


def install(shelf, version, model):
    """Put a new bundle on the shelf once its model has priced GOLDEN sensibly; else ValueError, and nothing changes."""
    trial = Bundle(version=version, model=model)
    try:
        prices = list(trial.model.predict(GOLDEN.copy()))
        sound = len(prices) == len(GOLDEN) and all(
            np.ndim(price) == 0 and not isinstance(price, str) and LOWEST <= price <= HIGHEST for price in prices
        )
    except Exception as problem:
        raise ValueError(f"{version}: {problem}") from problem
    if not sound:
        raise ValueError(f"{version} answers {prices}")
    shelf.bundle = trial
