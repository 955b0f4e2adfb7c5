# Takes what comes, by position, and answers 200.
# loses: code, results

# %% id="code-predict-api"
def make_app(shelf, record):
    """A FastAPI app that answers POST /predict with what stands on `shelf`."""
    app = FastAPI(title="House prices")

    class Houses(BaseModel):
        rows: list

    @app.post("/predict")
    def predict(houses: Houses):
        bundle = shelf.bundle
        if bundle is None:
            raise HTTPException(503, "no model", headers={"Retry-After": "1"})
        table = pd.DataFrame([list(house.values()) for house in houses.rows], columns=COLUMNS)
        predictions = bundle.model.predict(table).tolist()
        request_id = uuid4().hex
        record(request_id, bundle.version, houses.rows, predictions)
        return {"request_id": request_id, "model_version": bundle.version, "predictions": predictions}

    return app
