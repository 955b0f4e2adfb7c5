"""A definition is declared once and stays what it was; a changed one is a new version."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from pydantic import ValidationError

from lib.errors import FeatureError
from lib.features import FeatureStore, FeatureView
from lib.settings import Settings

PRICES = FeatureView(
    name="prices",
    entity="district",
    columns={"median_eur": "number", "sales": "integer"},
    ttl=timedelta(days=30),
    owner="data",
)


@pytest.fixture
def store(tmp_path):
    with FeatureStore(Settings(root=tmp_path)) as store:
        yield store


def changed(**fields) -> FeatureView:
    return FeatureView(**(PRICES.model_dump() | fields))


def test_applied_view_is_found_by_its_reference(store, tmp_path):
    """What was applied is read back by name@version, in another process's store too."""
    store.apply(PRICES)
    with FeatureStore(Settings(root=tmp_path)) as other:
        assert other.view("prices@1") == PRICES
        assert other.views() == ["prices@1"]


def test_applying_again_changes_nothing(store):
    """The same definition may be applied at every start of a program."""
    assert store.apply(PRICES) == store.apply(PRICES) == store.view("prices@1")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"ttl": timedelta(days=7)}, r"ttl was 30 days, 0:00:00 and is 7 days, 0:00:00"),
        ({"columns": {"median_eur": "integer", "sales": "integer"}}, r"columns was .*number.* and is .*integer"),
        ({"columns": {"sales": "integer", "median_eur": "number"}}, r"the order of columns differs"),
        ({"source": "SELECT 1"}, r"source was None and is 'SELECT 1'"),
        ({"arrived": "seen_at"}, r"arrived was None and is 'seen_at'"),
    ],
)
def test_changed_definition_is_refused_under_its_old_version(store, fields, said):
    """The error says what changed and which version to declare; that version may be applied and the old one stays."""
    store.apply(PRICES)
    with pytest.raises(FeatureError, match=rf"prices@1 was applied with another definition: {said}.*version=2"):
        store.apply(changed(**fields))
    store.apply(changed(**fields, version=2))
    assert store.views() == ["prices@1", "prices@2"]
    assert store.view("prices@1").digest == PRICES.digest != store.view("prices@2").digest


def test_changed_view_cannot_be_used_as_if_it_were_the_applied_one(store, tmp_path):
    """A store that already used the applied view refuses an object of the same version and another definition."""
    store.apply(PRICES)
    store.view("prices@1")
    with pytest.raises(FeatureError, match=r"ttl was .* and is None"):
        store.ingest(changed(ttl=None), tmp_path / "events.parquet")


def test_owner_may_change(store):
    """Who owns a view and what is noted about it changes no value, so it needs no new version."""
    store.apply(PRICES)
    store.apply(changed(owner="pricing", note="by night"))
    assert (store.view("prices@1").owner, store.views()) == ("pricing", ["prices@1"])


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("prices@7", r"applied as prices@7 .* known are: prices@1"),
        ("sales@1", r"applied as sales@1"),
        ("prices", r"names no version.*Write name@version"),
        ("../prices@1", r"names no version"),
    ],
)
def test_unknown_view_or_version(store, reference, said):
    """A view or version that was never applied is named, with those that were."""
    store.apply(PRICES)
    with pytest.raises(FeatureError, match=said):
        store.view(reference)


def test_damaged_file_is_named(store, tmp_path):
    """A view file that cannot be read is an error that names it."""
    store.apply(PRICES)
    (tmp_path / "features" / "views" / "prices@1.json").write_text("{")
    with pytest.raises(FeatureError, match=r"prices@1\.json is no feature view.*apply the view again"):
        store.view("prices@1")


def test_one_of_two_definitions_applied_at_once_wins(tmp_path):
    """Of different definitions applied under one version at the same time one is recorded, the others are refused."""
    views = [changed(ttl=timedelta(days=number)) for number in range(1, 9)]

    def applied(view) -> bool:
        try:
            FeatureStore(Settings(root=tmp_path)).apply(view)
        except FeatureError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = [view for view, ok in zip(views, pool.map(applied, views), strict=True) if ok]
    assert won == [FeatureStore(Settings(root=tmp_path)).view("prices@1")]


def test_folder_that_cannot_be_made_is_told(tmp_path):
    """A feature folder below a file is an error with the way out."""
    (tmp_path / "features").write_text("")
    with pytest.raises(FeatureError, match=r"cannot be made.*Choose a folder that you may write to"):
        FeatureStore(Settings(root=tmp_path)).apply(PRICES)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "Prices!"},
        {"columns": {}},
        {"columns": {"median_eur": "money"}},
        {"columns": {"District": "string"}},
        {"columns": {"__key": "string"}},
        {"ttl": timedelta(0)},
        {"version": 0},
        {"owner": ""},
        {"tll": timedelta(days=1)},
    ],
)
def test_impossible_declaration(fields):
    """A declaration that cannot be meant is refused where it is written."""
    with pytest.raises(ValidationError):
        changed(**fields)
