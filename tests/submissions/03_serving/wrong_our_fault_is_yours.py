# What the model cannot do is a bad request, too.
# loses: code

# %% id="code-predict-api"
def make_app(shelf, record):
    """A FastAPI app that answers POST /predict with what stands on `shelf`."""
    app = FastAPI(title="House prices")

    class House(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
        district: Literal["centre", "suburb", "country"]
        area_m2: float = Field(ge=10, le=400)
        rooms: int = Field(ge=1, le=12)
        age_years: int = Field(ge=0, le=200)
        distance_km: float = Field(ge=0, le=60)
        condition: int = Field(ge=1, le=5)

    class Houses(BaseModel):
        rows: list[House] = Field(min_length=1, max_length=MAX_ROWS)

    @app.exception_handler(RequestValidationError)
    def refuse(request, problem):
        faults = [{"field": str(each["loc"][-1]), "reason": each["msg"]} for each in problem.errors()]
        return JSONResponse({"detail": faults}, 422)

    @app.post("/predict")
    def predict(houses: Houses):
        bundle = shelf.bundle
        if bundle is None:
            raise HTTPException(503, "no model serves yet", headers={"Retry-After": "1"})
        rows = [house.model_dump() for house in houses.rows]
        try:
            predictions = bundle.model.predict(pd.DataFrame(rows)[COLUMNS]).tolist()
        except Exception as problem:
            raise HTTPException(400, repr(problem)) from problem
        request_id = uuid4().hex
        try:
            record(request_id, bundle.version, rows, predictions)
        except OSError as problem:
            raise HTTPException(503, "no record, no answer", headers={"Retry-After": "1"}) from problem
        return {"request_id": request_id, "model_version": bundle.version, "predictions": predictions}

    return app
