"""Other people's clients get the right answers: MLflow's, Triton's, and schemathesis with whatever it makes up."""

from __future__ import annotations

import warnings
from urllib.parse import urlsplit

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed
from hypothesis import settings as examples

from lib.serving import create_app
from lib.settings import Settings
from tests.lib.serving_tools import NAME, NUMBERS, TEXT, forest, houses, serving

EXAMPLES = 12


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    app = create_app(forest(), settings=Settings(root=tmp_path_factory.mktemp("serving")))
    with serving(app) as running:
        yield running


def test_mlflows_scoring_client(served):
    """MLflow's own client pings, asks for the version, and gets the model's answers for a table."""
    import mlflow
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    address = urlsplit(served.url)
    client = ScoringServerClient(address.hostname, address.port)
    client.ping()
    client.wait_server_ready(timeout=10)
    assert client.get_version() == mlflow.__version__
    answer = client.invoke(houses()[0].head(20)).get_predictions()
    assert answer.iloc[:, 0].tolist() == forest().model.predict(houses()[0].head(20)).tolist()
    with pytest.raises(Exception, match="rooms: 99 lies outside 1 to 12"):
        client.invoke(houses()[0].head(1).assign(rooms=99))


@pytest.fixture
def triton(served):
    with warnings.catch_warnings():
        # gevent, which this client uses, on Python's own threading
        warnings.simplefilter("ignore")
        import tritonclient.http as triton
    with triton.InferenceServerClient(urlsplit(served.url).netloc) as client:
        yield triton, client


def _inputs(triton, binary, count=20):
    dtypes = {"BOOL": bool, "INT64": np.int64, "FP64": np.float64, "BYTES": object}
    found = []
    for name in houses()[0].columns:
        kind = "BYTES" if name in TEXT else "BOOL" if name == "has_garden" else None
        kind = kind or ("FP64" if name in ("area_m2", "distance_km") else "INT64")
        tensor = triton.InferInput(name, [count, 1], kind)
        tensor.set_data_from_numpy(houses()[0][[name]].head(count).to_numpy().astype(dtypes[kind]), binary_data=binary)
        found.append(tensor)
    return found


@pytest.mark.parametrize("binary", [True, False])
def test_tritons_client(served, triton, binary):
    """Triton's client gets equal answers with its binary tensors, which are its default, and with JSON."""
    from tritonclient.utils import InferenceServerException

    module, client = triton
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(NAME)
    assert not client.is_model_ready(NAME, "9")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    assert {each["name"] for each in client.get_model_metadata(NAME, "1")["inputs"]} == {*NUMBERS, *TEXT}
    outputs = None if binary else [module.InferRequestedOutput("prediction", binary_data=False)]
    answer = client.infer(NAME, _inputs(module, binary), outputs=outputs, request_id="mine")
    assert answer.as_numpy("prediction").tolist() == forest().model.predict(houses()[0].head(20)).tolist()
    assert answer.get_response()["id"] == "mine"
    with pytest.raises(InferenceServerException, match="rooms: is missing"):
        client.infer(NAME, [each for each in _inputs(module, binary) if each.name() != "rooms"])


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_schemathesis_finds_no_server_error(served, mode):
    """Nothing that follows from the OpenAPI document, or goes against it, is answered with an undocumented status."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis
        from schemathesis.checks import not_a_server_error
        from schemathesis.specs.openapi import checks

    document = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    wanted = [
        not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
        checks.response_schema_conformance,
    ]  # fmt: skip
    tried = []

    def attempt(operation):
        @seed(0)
        @examples(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(schemathesis.GenerationMode(mode)))
        def check(case):
            response = case.call()
            tried.append(response.status_code)
            case.validate_response(response, checks=wanted)

        check()

    for result in document.get_all_operations():
        operation = result.ok()
        # What has no body can hardly be asked in a wrong way.
        if mode == "positive" or operation.body:
            attempt(operation)
    assert {200, 422} <= set(tried) if mode == "positive" else set(tried) <= {400, 404, 413, 415, 422}
