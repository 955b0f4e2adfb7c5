# Right, by another road: one annotated model with a list as root, whole numbers checked by a validator, errors by match.

# %% id="code-predict-api"
def make_app(shelf, record):
    """A FastAPI app that answers POST /predict with what stands on `shelf`."""
    from typing import Annotated

    app = FastAPI(title="House prices")

    class House(BaseModel):
        model_config = {"extra": "forbid", "strict": True}
        district: Literal["centre", "suburb", "country"]
        area_m2: Annotated[float, Field(ge=10, le=400, allow_inf_nan=False)]
        rooms: int = Field(ge=1, le=12)
        age_years: int = Field(ge=0, le=200)
        distance_km: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)]
        condition: int = Field(ge=1, le=5)

    class Houses(BaseModel):
        rows: list[House] = Field(min_length=1, max_length=MAX_ROWS)

    @app.exception_handler(RequestValidationError)
    def refuse(request, problem):
        first = problem.errors()[0]
        return Response(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", status_code=422, media_type="text/plain")

    @app.post("/predict")
    def predict(houses: Houses):
        bundle = shelf.bundle
        if bundle is None:
            raise HTTPException(503, "no model serves yet", headers={"Retry-After": "1"})
        rows = [house.model_dump() for house in houses.rows]
        predictions = bundle.model.predict(pd.DataFrame(rows)[COLUMNS]).tolist()
        request_id = uuid4().hex
        try:
            record(request_id, bundle.version, rows, predictions)
        except OSError as problem:
            raise HTTPException(503, "no record, no answer", headers={"Retry-After": "1"}) from problem
        return {"request_id": request_id, "model_version": bundle.version, "predictions": predictions}

    return app


# %% id="code-review"
def outcome(problem, request_id):
    """What a client is told about an exception: (status, headers, body)."""
    match problem:
        case BadRow(field=field, reason=reason):
            return [422, {}, dict(field=field, reason=reason)]
        case NotNow(seconds=seconds):
            return [503, {"Retry-After": f"{seconds}"}, dict(reason="not now")]
        case _:
            return [500, {}, dict(reason="internal error", request_id=request_id)]


# %% id="results-opening"
def follow(shelf, name):
    """One look at the registry: what is in Production comes to the shelf, if it passes its self-test."""
    try:
        found = load(name, "Production", settings=settings)
    except UnknownVersion as gone:
        shelf.bundle, shelf.refused = None, str(gone)
    except Exception as away:
        shelf.refused = f"the registry is away: {away}"
    else:
        there = getattr(shelf.bundle, "version", None)
        if there != found.version:
            try:
                install(shelf, found.version, found.model)
            except Exception as refusal:
                shelf.refused = repr(refusal)
            else:
                shelf.refused = None
