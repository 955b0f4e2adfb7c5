"""The server as clients meet it: every address, every kind of bad request, readiness and documentation."""

from __future__ import annotations

import http.client
import json
import re
import threading
from datetime import UTC, datetime
from urllib.parse import urlsplit

import numpy as np
import pytest
from starlette.exceptions import HTTPException

from lib.errors import RegistryError
from lib.serving import Bundle, Limits, create_app, read_predictions
from lib.settings import Settings
from tests.lib.serving_tools import NAME, forest, houses, rows, serving, wait
from tests.lib.test_serving_schema import BAD_VALUES

JSON = {"Content-Type": "application/json"}
HOUSE = rows(1)[0]
WHEN = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("serving")


@pytest.fixture(scope="module")
def served(folder):
    limits = Limits(rows=2_000, body_bytes=500_000)
    app = create_app(forest(), settings=Settings(root=folder), limits=limits, clock=lambda: WHEN)
    with serving(app) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "status", "holds"),
    [
        ("/live", 200, '"live"'), ("/health", 200, '"model_version":1'), ("/ready", 200, '"status":"ready"'),
        ("/ping", 200, '"ready"'), ("/version", 200, "3."), ("/metrics", 200, "serving_model_info"),
        ("/docs", 200, "swagger"), ("/openapi.json", 200, "area_m2"), ("/v2", 200, "binary_tensor_data"),
        ("/v2/health/live", 200, "live"), ("/v2/health/ready", 200, "ready"), (f"/v2/models/{NAME}", 200, '"FP64"'),
        (f"/v2/models/{NAME}/versions/1", 200, "scikit-learn"), (f"/v2/models/{NAME}/ready", 200, "true"),
        (f"/v2/models/{NAME}/versions/2", 404, "is version 1 of"), ("/v2/models/other", 404, "is not served here"),
        ("/predict", 405, "Method Not Allowed"), ("/nowhere", 404, "Not Found"),
    ],
)  # fmt: skip
def test_addresses(served, path, status, holds):
    """Every address answers what it should, with the id of the request."""
    answer = served.get(path)
    assert answer.status_code == status
    assert holds in answer.text
    assert answer.headers["X-Request-ID"]


def test_training_rows_replayed_give_the_same_answers(served):
    """A thousand bytes or a thousand rows: what HTTP answers is what the model predicts, in order."""
    inputs = houses()[0]
    expected = forest().model.predict(inputs).tolist()
    found = served.post("/predict", {"rows": rows(len(inputs))}).json()
    assert found["predictions"] == expected
    assert found["model_version"] == 1
    assert served.post("/predict", HOUSE).json()["predictions"] == expected[:1]


FORMS = {
    "dataframe_records": lambda r: {"dataframe_records": r},
    "dataframe_split": lambda r: {"dataframe_split": {"columns": list(r[0]), "data": [list(x.values()) for x in r]}},
    "reordered split": lambda r: {
        "dataframe_split": {
            "columns": list(r[0])[::-1],
            "data": [list(x.values())[::-1] for x in r],
            "index": [7, 9, 8],
        }
    },
    "instances": lambda r: {"instances": r},
    "inputs by column": lambda r: {"inputs": {name: [x[name] for x in r] for name in r[0]}},
    "inputs by row": lambda r: {"inputs": r},
}


@pytest.mark.parametrize("form", FORMS)
def test_invocations_in_every_form(served, form):
    """MLflow's JSON forms give the model's answers, whatever the order of the columns."""
    answer = served.post("/invocations", FORMS[form](rows(3)))
    assert answer.json()["predictions"] == forest().model.predict(houses()[0].head(3)).tolist()


def test_invocations_of_one_row_and_csv(served):
    """`inputs` may be one row with plain values; CSV is matched by its header."""
    expected = forest().model.predict(houses()[0].head(3)).tolist()
    assert served.post("/invocations", {"inputs": HOUSE}).json()["predictions"] == expected[:1]
    table = houses()[0].head(3)
    for columns in (list(table), list(table)[::-1]):
        text = table[columns].to_csv(index=False)
        answer = served.post("/invocations", data=text, headers={"Content-Type": "text/csv; charset=utf-8"})
        assert answer.json()["predictions"] == expected


def _tensors(asked):
    types = {int: "INT64", float: "FP64", str: "BYTES", bool: "BOOL"}
    return [
        {"name": name, "datatype": types[type(value)], "shape": [len(asked)], "data": [row[name] for row in asked]}
        for name, value in asked[0].items()
    ]


def test_inference_v2_in_json(served):
    """JSON tensors are matched by name, in any order, and the request's own id comes back."""
    for tensors in (_tensors(rows(3)), _tensors(rows(3))[::-1]):
        answer = served.post(f"/v2/models/{NAME}/infer", {"id": "mine", "inputs": tensors}).json()
        assert answer["outputs"][0]["data"] == forest().model.predict(houses()[0].head(3)).tolist()
        assert (answer["id"], answer["model_version"]) == ("mine", "1")


@pytest.mark.parametrize(("change", "field", "reason"), BAD_VALUES)
def test_bad_value_is_422_with_field_and_reason(served, change, field, reason):
    """What the schema refuses, every protocol refuses alike; NaN and Infinity are no JSON."""
    row = {**HOUSE, **change}
    found = []
    for path, content in (("/predict", row), ("/predict", {"rows": [row]}), ("/invocations", {"instances": [row]})):
        found.append(served.post(path, data=json.dumps(content), headers=JSON))
    if "finite" in reason:
        assert {answer.status_code for answer in found} == {400}
        return
    for answer in found:
        assert answer.status_code == 422
        (detail,) = answer.json()["details"]
        assert (detail["row"], detail["field"]) == (0, field)
        assert field in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "body", "status", "reason"),
    [
        ("/predict", b"", 400, "no JSON"), ("/predict", b"{", 400, "no JSON"), ("/predict", b"\xff", 400, "no JSON"),
        ("/predict", b'{"rooms": NaN}', 400, "no JSON"), ("/predict", b"[" * 100_000, 400, "no JSON"),
        ("/predict", b"null", 422, "NoneType"), ("/predict", b"[]", 422, "list"), ("/predict", b"{}", 422, "missing"),
        ("/predict", b'{"rows": []}', 422, "no rows"), ("/predict", b'{"rows": {}}', 422, "no list"),
        ("/predict", b'{"rows": [], "x": 1}', 422, "x: stands beside"), ("/predict", b"0" * 500_001, 413, "500,000"),
        ("/predict", json.dumps({"rows": [1] * 2001}).encode(), 413, "2001 rows"),
        ("/invocations", b"[]", 422, "list"), ("/invocations", b"{}", 422, "nothing"),
        ("/invocations", b'{"instances": [], "inputs": []}', 422, "exactly one"),
        ("/invocations", b'{"instances": [[1, 2]]}', 422, "without names"),
        ("/invocations", b'{"inputs": 3}', 422, "no list"),
        ("/invocations", b'{"instances": [{}], "params": {"a": 1}}', 422, "params"),
        ("/invocations", b'{"dataframe_split": {"data": [[1]]}}', 422, "by name"),
        ("/invocations", b'{"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}', 422, "more than once"),
        ("/invocations", b'{"dataframe_split": {"columns": [%s"a"], "data": []}}' % (b'"a",' * 90_000), 422, "more"),
        ("/invocations", b'{"dataframe_split": {"columns": ["rooms"], "data": [[1, 2]]}}', 422, "2 values for 1 names"),
        ("/invocations", b'{"dataframe_split": {"columns": [["rooms"]], "data": []}}', 422, "must be names"),
        ("/invocations", b'{"inputs": {"rooms": [1, 2], "area_m2": [1]}}', 422, "different lengths"),
        (f"/v2/models/{NAME}/infer", b"{}", 422, "inputs"),
        (f"/v2/models/{NAME}/infer", b'{"inputs": [3]}', 422, "no name"),
        (f"/v2/models/{NAME}/infer", b'{"inputs": []}', 422, "no rows"),
        (f"/v2/models/{NAME}/infer", b'{"inputs": [{"name": "pool"}]}', 422, "is no input"),
        (f"/v2/models/{NAME}/versions/7/infer", b"{}", 404, "not served here"),
    ],
)  # fmt: skip
def test_bad_body_is_refused_with_its_reason(served, path, body, status, reason):
    """No body, whatever it holds, is answered with a 5xx or a score."""
    answer = served.post(path, data=body, headers=JSON)
    assert answer.status_code == status, answer.text
    assert reason in answer.json()["error"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"datatype": "FP32"}, "INT64 is declared"), ({"shape": [2]}, "1 values for a shape of 2"),
        ({"shape": [-1]}, "send [rows]"), ({"shape": "x"}, "send [rows]"), ({"shape": [1, 2]}, "send [rows]"),
        ({"data": None}, "no data"), ({"data": [True]}, "not of type"), ({"data": ["3"]}, "not of type"),
        ({"parameters": 3}, "no object"), ({"parameters": {"binary_data_size": 8}}, "either data or"),
        ({"data": [1, 2], "shape": [2]}, "different lengths"),
    ],
)  # fmt: skip
def test_bad_tensor_is_refused(served, change, reason):
    """A tensor that is not as its metadata say is refused by name."""
    tensors = [{**each, **(change if each["name"] == "rooms" else {})} for each in _tensors(rows(1))]
    answer = served.post(f"/v2/models/{NAME}/infer", {"inputs": tensors})
    assert answer.status_code == 422
    assert reason in answer.json()["error"]


@pytest.mark.parametrize(
    ("header", "tail", "reason"),
    [
        ("9999999", b"", "the body has"), ("-1", b"", "the body has"), ("x", b"", "the body has"),
        ("9" * 5000, b"", "the body has"),
        (None, b"\x00" * 7, "no INT64"), (None, b"\x00" * 4, "are left of the body"),
        (None, b"\x00" * 20, "after the last"),
    ],
)  # fmt: skip
def test_bad_binary_tensor_is_refused(served, header, tail, reason):
    """Bytes that do not fit the sizes declared with them are refused."""
    size = 7 if "INT64" in reason else 8
    tensor = {"name": "rooms", "datatype": "INT64", "shape": [1], "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [tensor]}).encode()
    headers = {"Inference-Header-Content-Length": header or str(len(head))}
    answer = served.post(f"/v2/models/{NAME}/infer", data=head + tail, headers=headers)
    assert answer.status_code in (400, 422)
    assert reason in answer.json()["error"]


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        (b"", 422, "no rows"), (b"rooms\n", 422, "no rows"), (b"rooms\n3\n", 422, "is missing"),
        (b"\xff", 400, "UTF-8"),
        (b'"a\n', 400, "no CSV"), (b"rooms,rooms\n1,2\n", 422, "more than once"), (b"rooms\n1,2\n", 422, "2 values"),
        (b"rooms\n3.0\n", 422, "'3.0' is not of type long"), (b"rooms\n1_0\n", 422, "'1_0' is not"),
        (b"rooms\n\xd9\xa3\n", 422, "is not of type long"), (b"area_m2\nnan\n", 422, "nan is not a finite"),
        (b"has_garden\n1\n", 422, "'1' is not of type boolean"), (b"rooms\n" + b"9" * 5000, 422, "is not of type long"),
    ],
)  # fmt: skip
def test_bad_csv_is_refused(served, text, status, reason):
    """CSV has no types, so each value is read as its input is declared, or refused."""
    answer = served.post("/invocations", data=text, headers={"Content-Type": "text/csv"})
    assert answer.status_code == status
    assert reason in answer.json()["error"]


@pytest.mark.parametrize("path", ["/predict", "/invocations"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"Content-Type": "text/plain"}, {"Content-Type": "application/json; charset=latin-1"},
     {"Content-Type": "application/vnd.apache.parquet"}, {**JSON, "Content-Encoding": "gzip"}],
)  # fmt: skip
def test_other_content_is_415(served, path, headers):
    """What is not declared as JSON is not read as JSON."""
    assert served.post(path, data=json.dumps(HOUSE).encode(), headers=headers).status_code == 415


def test_chunked_body_is_limited(served):
    """A body that does not say how long it is is cut off at the limit too."""
    connection = http.client.HTTPConnection(urlsplit(served.url).netloc)
    connection.request("POST", "/predict", iter([b" " * 100_000] * 6), {**JSON}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_request_id_is_taken_or_given(served):
    """A client's id comes back in header and body and stands in the log; one that could harm the log is refused."""
    answer = served.post("/predict", HOUSE, headers={"X-Request-ID": "order-7"})
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"] == "order-7"
    assert answer.headers["X-Model-Version"] == "1"
    given = {served.post("/predict", HOUSE).json()["request_id"] for _ in range(3)}
    assert len(given) == 3
    refused = served.post("/predict", HOUSE, headers={"X-Request-ID": 'a"b'})
    assert refused.status_code == 400
    assert "X-Request-ID" in refused.json()["error"]


def test_what_was_answered_is_logged(served, folder):
    """Each row is a line: the request's id, the time by the clock, version, features, output and trace."""
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    headers = {"X-Request-ID": "logged", "traceparent": trace}
    found = served.post("/predict", {"rows": rows(2)}, headers=headers).json()["predictions"]
    table = read_predictions(folder / "predictions").filter("request_id = 'logged'").order("row").df()
    assert table["prediction"].tolist() == found
    assert table["row"].tolist() == [0, 1]
    assert [json.loads(each) for each in table["features"]] == rows(2)
    first = table.iloc[0]
    assert (first["model"], first["version"], first["run_id"], first["traceparent"]) == (NAME, 1, "run-1", trace)
    assert first["at"].to_pydatetime() == WHEN
    assert 0 < first["latency_ms"] < 10_000
    refused = served.post("/predict", {**HOUSE, "rooms": 99}, headers={"X-Request-ID": "refused"})
    assert refused.status_code == 422
    assert not len(read_predictions(folder / "predictions").filter("request_id = 'refused'"))


def test_metrics_follow_prometheus_naming(served):
    """Base units, `_total`, the version in an info metric, routes and not addresses as labels."""
    served.get("/nowhere/made-up")
    served.post("/predict", HOUSE)
    text = served.get("/metrics").text
    assert re.search(r'serving_requests_total\{path="/predict",status="200"\} [1-9]', text)
    assert re.search(r'serving_predictions_total\{model_version="1"\} [1-9]', text)
    assert f'serving_model_info{{name="{NAME}",run_id="run-1",version="1"}} 1.0' in text
    assert "serving_request_duration_seconds_bucket" in text
    assert "made-up" not in text


def test_documentation_holds_the_row_of_the_model(served):
    """The OpenAPI document has types, ranges, units and an example that can be sent as it is."""
    document = served.get("/openapi.json").json()
    row = document["components"]["schemas"]["Row"]
    assert row["properties"]["area_m2"] == {
        "description": "m²", "maximum": 400.0, "minimum": 10.0, "title": "Area M2", "type": "number",
    }  # fmt: skip
    assert row["required"] == list(HOUSE)
    for example in document["components"]["schemas"]["Asked"]["examples"]:
        assert served.post("/predict", example).status_code == 200


def test_without_a_model_the_server_lives_and_is_not_ready(tmp_path):
    """Alive is not ready: 503 with the reason, until a version can be loaded."""
    found = []

    def source():
        if not found:
            raise RegistryError("the registry sleeps")
        return found[0]

    app = create_app(source, settings=Settings(root=tmp_path), limits=Limits(poll_s=60))
    with serving(app, ready=False) as served:
        assert served.get("/live").status_code == 200
        served.refresh()
        for path in ("/ready", "/health", "/ping", "/v2/health/ready"):
            answer = served.get(path)
            assert answer.status_code == 503
            assert "sleeps" in answer.json()["refused"]["reason"]
        answer = served.post("/predict", HOUSE)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert "sleeps" in answer.json()["error"]
        assert served.get("/openapi.json").status_code == 200
        assert served.get(f"/v2/models/{NAME}").status_code == 503
        found.append(forest())
        assert served.refresh() == 1
        assert served.get("/ready").json()["refused"] is None
        assert served.post("/predict", HOUSE).status_code == 200


def test_access_is_asked_first(tmp_path):
    """A request that may not pass is refused before its body is read."""

    def access(request):
        if request.url.path != "/ready" and request.headers.get("authorization") != "Bearer good":
            raise HTTPException(401, "bring a key", {"WWW-Authenticate": "Bearer"})

    with serving(create_app(forest(), settings=Settings(root=tmp_path), access=access)) as served:
        refused = served.post("/predict", HOUSE)
        assert refused.status_code == 401
        assert refused.json()["error"] == "bring a key"
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert served.post("/predict", HOUSE, headers={"Authorization": "Bearer good"}).status_code == 200


def test_full_queue_says_when_to_come_back(tmp_path):
    """What does not fit into the queue is refused at once, and nothing that was taken is lost."""
    gate, entered = threading.Event(), threading.Event()

    def predict(asked):
        entered.set()
        gate.wait(30)
        return np.zeros(len(asked))

    app = create_app(forest(), settings=Settings(root=tmp_path), limits=Limits(queue_rows=2, poll_s=60))
    with serving(app) as served:
        current = app.state.service.current
        current.bundle = Bundle(**{**vars(current.bundle), "predict": predict})
        statuses = []
        send = lambda: statuses.append(served.post("/predict", HOUSE).status_code)  # noqa: E731
        threads = [threading.Thread(target=send) for _ in range(3)]
        threads[0].start()
        assert entered.wait(30)
        for thread in threads[1:]:
            thread.start()
        wait(lambda: "serving_queue_rows 2.0" in served.get("/metrics").text)
        refused = served.post("/predict", HOUSE)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        gate.set()
        for thread in threads:
            thread.join(30)
        assert statuses == [200] * 3
