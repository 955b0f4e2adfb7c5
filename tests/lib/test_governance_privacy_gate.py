"""A version that knows people does not pass: by its inputs, by what it learnt by heart, by what its run left lying."""

from __future__ import annotations

import functools
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from lib.errors import FeatureError, PrivacyError, PromotionRefused
from lib.features import FeatureStore, FeatureView
from lib.governance.privacy_find import find
from lib.governance.privacy_gate import no_personal_data, text_of
from lib.governance.privacy_scan import require_none
from lib.market import PERSONAL, simulate
from lib.registry import promote, register
from lib.settings import Settings
from lib.tracking import track
from lib.tracking.client import open_client
from tests.lib.registered import another, settings_in

ENCODED = make_pipeline(OneHotEncoder(handle_unknown="ignore"), Ridge())


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return settings_in(tmp_path_factory.mktemp("gate"))


@pytest.fixture(scope="module")
def houses():
    return simulate("personal", rows=120, seed=1).houses.dropna(subset=["price_eur"])


@pytest.fixture(scope="module")
def clean_run(settings, houses):
    columns = ["district", "energy_class"]
    frame = houses[[*columns, "price_eur"]]
    return track(ENCODED, frame, target="price_eur", features=columns, settings=settings).run_id


def found(run_id, name, settings):
    """What the gate said about a promotion, "" when it let it pass."""
    version = register(run_id, name, by="ada", settings=settings)
    try:
        promote(name, version.version, to="Staging", by="ada", gates=[no_personal_data()], settings=settings)
    except PromotionRefused as error:
        return error.evidence[0].reason
    return ""


def test_a_version_without_people_passes(settings, clean_run):
    """With all that a tracked run leaves: code, environment, plots, predictions."""
    assert found(clean_run, "clean", settings) == ""


def test_a_model_that_learnt_addresses_by_heart_is_refused(settings, houses):
    """The column has an innocent name; the categories of the encoder are the sellers' addresses."""
    frame = houses.assign(district=houses["seller_email"])[["district", "energy_class", "price_eur"]]
    run = track(ENCODED, frame, target="price_eur", features=["district", "energy_class"], settings=settings)
    said = found(run.run_id, "learnt", settings)
    assert "model.skops/" in said
    assert "email" in said
    assert "example" not in said.replace("input_example", "")
    frame = houses[["seller_name", "price_eur"]]
    named = track(ENCODED, frame, target="price_eur", features=["seller_name"], settings=settings)
    assert "seller_name: name by its schema" in found(named.run_id, "named", settings)


def test_what_a_run_left_lying_is_found_too(settings, clean_run):
    """An artifact with somebody's number in it; the author's own address in the code is not meant."""
    run_id = another(clean_run, settings)
    client = open_client(settings)
    client.log_text(run_id, "Author: Ada <ada@example.com>\n", "code/diff.patch")
    assert found(run_id, "author", settings) == ""
    client.log_text(run_id, "ask 0912 345 678\n", "notes/sample.md")
    assert found(run_id, "lying", settings) == "sample.md: phone in 1 of 1 rows"


def test_text_is_read_out_of_archives_and_arrays(tmp_path):
    """Of an npz file the arrays of text, whatever their type of text; numbers are passed over."""
    numbers = np.array([4111111111111111.0])
    texts = {"text": np.array(["a@example.com", "Nguyễn"]), "bytes": np.array([b"b@x.org"])}
    np.savez(tmp_path / "a.npz", numbers=numbers, **texts)
    pieces = dict(text_of(tmp_path / "a.npz"))
    assert set(pieces) == {"a.npz/text.npy", "a.npz/bytes.npy"}
    assert "a@example.com" in pieces["a.npz/text.npy"]
    assert "b@x.org" in pieces["a.npz/bytes.npy"]
    with zipfile.ZipFile(tmp_path / "model.skops", "w") as archive:
        archive.writestr("schema.json", '{"__id__": 246067514758930, "content": "a"}')  # an address that is a French id
    assert [find(text) for _, text in text_of(tmp_path / "model.skops")] == [[]]
    (tmp_path / "raw").write_bytes(b"\xff\xfe\x00")
    assert dict(text_of(tmp_path / "raw")) == {}
    with pytest.raises(PrivacyError, match="absent cannot be read"):
        list(text_of(tmp_path / "absent"))


def test_people_have_no_way_into_the_feature_store(tmp_path):
    """A column named for them is not applied, an innocent one that holds them is not ingested, as frame or file."""
    at = pd.Timestamp("2024-05-01", tz="UTC")
    clean = pd.DataFrame({"district": ["Altstadt"], "note": ["quiet"], "event_time": [at]})
    view = FeatureView(name="notes", entity="district", columns={"note": "string"}, owner="tests")
    admit = functools.partial(require_none, schema=PERSONAL)
    with FeatureStore(Settings(root=tmp_path), admit=admit) as store:
        with pytest.raises(PrivacyError, match="personal data in people@1: seller_phone: phone by its schema"):
            store.apply(view.model_copy(update={"name": "people", "columns": {"seller_phone": "string"}}))
        assert store.views() == []
        store.apply(view)
        assert store.ingest(view, clean) == 1
        for number, spoilt in enumerate(
            (clean.assign(note="ask a@example.com"), clean.assign(district="0912 345 678"))
        ):
            file = tmp_path / f"{number}.parquet"
            spoilt.to_parquet(file)
            for events in (spoilt, file):
                with pytest.raises(PrivacyError, match="personal data in the events of notes@1"):
                    store.ingest(view, events)
        rows = pd.DataFrame({"district": ["Altstadt"], "event_time": [at]})
        assert list(store.join(rows, [view])["note"]) == ["quiet"]
    with pytest.raises(FeatureError, match="cannot be read as a Parquet file"):
        store.ingest(view, tmp_path / "absent.parquet")
