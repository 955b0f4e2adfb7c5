"""The prediction log of a real server holds pseudonyms, and nothing personal."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor

from lib.cli_actions import equip_server
from lib.errors import PrivacyError
from lib.governance.data_routes import data_routes
from lib.governance.privacy_pseudonyms import concealing, ensure_keys, is_pseudonym, new_keys
from lib.governance.privacy_scan import scan_log
from lib.serving import create_app, read_predictions
from lib.settings import Settings
from tests.lib.serving_tools import as_version, forest, rows, serving

PERSON = {"area_m2": 80.0, "seller_email": "Anna.Albers@example.com", "remarks": "call +49 30 23125 003, Anna"}


@pytest.fixture(scope="module")
def nosy():
    """A model that asks for what it must not, as gates would have refused."""
    inputs = pd.DataFrame([PERSON])
    return as_version(DummyRegressor().fit(inputs, [1.0]), inputs, version=1)


def _logged(settings):
    return "".join(file.read_text() for file in settings.prediction_folder.glob("*.jsonl"))


def test_what_identifies_a_person_is_logged_as_a_pseudonym(tmp_path, nosy):
    """The answer is that of the true inputs; the log has words that only the key's holder can link."""
    settings, keys = Settings(root=tmp_path), new_keys()
    with serving(create_app(nosy, settings=settings, conceal=concealing(keys))) as served:
        assert served.post("/predict", {"rows": [PERSON, {**PERSON, "remarks": "quiet"}]}).json()["predictions"] == [
            1.0,
            1.0,
        ]
    logged = _logged(settings)
    assert "albers" not in logged.casefold()
    assert "23125" not in logged
    assert scan_log(settings.prediction_folder.glob("*.jsonl")) == []
    features = read_predictions(settings.prediction_folder).df()["features"].map(json.loads)
    assert {each["seller_email"] for each in features} == {keys.pseudonym("anna.albers@example.com", kind="email")}
    assert [each["area_m2"] for each in features] == [80.0, 80.0]
    assert features[1]["remarks"] == "quiet"


def test_whoever_may_read_data_gets_pseudonyms_newest_first(tmp_path, nosy):
    """GET /predictions gives what the log has, and nothing before anybody has asked."""
    settings, keys = Settings(root=tmp_path), new_keys()
    extensions = [data_routes(settings.prediction_folder)]
    with serving(create_app(nosy, settings=settings, conceal=concealing(keys), extensions=extensions)) as served:
        assert served.get("/predictions").json() == {"predictions": []}
        for area in (80.0, 90.0):
            assert served.post("/predict", {"rows": [{**PERSON, "area_m2": area}]}).status_code == 200
        answer = served.get("/predictions")
    told = answer.json()["predictions"]
    assert [each["features"]["area_m2"] for each in told] == [90.0, 80.0]
    assert {each["features"]["seller_email"] for each in told} == {keys.pseudonym(PERSON["seller_email"], kind="email")}
    assert "albers" not in answer.text.casefold()
    assert {each["output"] for each in told} == {"1.0"}


def test_a_server_without_personal_inputs_logs_them_as_they_are(tmp_path):
    """The houses' features are nobody's: what monitoring compares stays what was asked."""
    settings = Settings(root=tmp_path)
    conceal = equip_server(settings).conceal
    with serving(create_app(forest(), settings=settings, conceal=conceal)) as served:
        served.post("/predict", {"rows": rows(3)})
    features = read_predictions(settings.prediction_folder).df()["features"].map(json.loads)
    assert list(features) == rows(3)


def test_where_nothing_can_be_concealed_nothing_is_answered(tmp_path, nosy):
    """A row that would be recorded in the open is refused, and stands nowhere."""

    def fails(_row):
        raise PrivacyError("the key is gone")

    settings = Settings(root=tmp_path)
    with serving(create_app(nosy, settings=settings, conceal=fails)) as served:
        assert served.post("/predict", {"rows": [PERSON]}).status_code == 500
    assert _logged(settings) == ""


def test_the_command_serves_with_keys_that_its_workers_share(tmp_path):
    """The first of several workers makes the keys, all use the same; the file is for its owner."""
    path = tmp_path / "keys.json"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ensure_keys, [path] * 40))
    assert all(each == found[0] for each in found)
    assert path.stat().st_mode & 0o777 == 0o600
    conceal = equip_server(Settings(root=tmp_path, pseudonym_keys=path)).conceal
    concealed = conceal(PERSON)["seller_email"]
    assert is_pseudonym(concealed)
    assert concealed == found[0].pseudonym(PERSON["seller_email"], kind="email")
    with pytest.raises(PrivacyError, match="MLOPS_PSEUDONYM_KEYS"):
        ensure_keys(path / "below" / "keys.json")
