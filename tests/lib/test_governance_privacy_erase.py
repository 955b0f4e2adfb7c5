"""One person is erased from everything that a running system keeps of them, others stay, and a search proves it."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime

import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor

from lib.errors import PrivacyError, RedisServerError, VersionError
from lib.features import FeatureStore, FeatureView
from lib.governance.privacy_erase import Places, erase
from lib.governance.privacy_person import person
from lib.governance.privacy_pseudonyms import concealing, new_keys, pseudonymise_frame
from lib.governance.privacy_search import search
from lib.governance.privacy_tables import clean_table
from lib.market import simulate
from lib.monitoring.store import PredictionStore
from lib.redis_server import find_server, open_redis
from lib.serving import PredictionLog, create_app, read_predictions
from lib.serving.log_erase import erase_predictions
from lib.settings import Settings
from lib.tracking.client import open_client
from lib.versioning import fetch, push, snapshot, versions, withdraw
from tests.lib.serving_tools import as_version, serving
from tests.require import require

AT = datetime(2026, 11, 1, tzinfo=UTC)
LATER = datetime(2099, 1, 1, tzinfo=UTC)
ANNA, BO = "anna.unique@example.com", "bo@example.com"
VIEW = FeatureView(name="sellers", entity="seller", columns={"told": "string", "listed": "integer"}, owner="tests")


@pytest.fixture(scope="module")
def redis():
    try:
        find_server()
    except RedisServerError as error:
        require("redis-server", present=False, way_out=str(error))
    with open_redis(Settings()) as redis:
        yield redis


@pytest.fixture(scope="module")
def houses():
    """Three rows are Anna's, and somebody else's remark names her."""
    table = simulate("personal", rows=60, seed=1).houses
    table.loc[[3, 4, 5], "seller_email"] = ["Anna.Unique@Example.com", ANNA, f" {ANNA}"]
    table.loc[7, "remarks"] = f"Or ask my agent, {ANNA}, on weekdays."
    return table


@pytest.fixture(scope="module")
def estate(tmp_path_factory, houses, redis):
    """A system in which Anna is everywhere, the keys of its pseudonyms, and what an erasure did there."""
    root, remote = tmp_path_factory.mktemp("estate"), tmp_path_factory.mktemp("remote")
    settings, keys = Settings(root=root), new_keys()
    old = keys.pseudonym(ANNA, kind="email")
    keys = keys.rotated()
    data = root / "data"
    data.mkdir()
    houses.to_csv(data / "houses.csv", index=False)
    houses.to_parquet(data / "houses.parquet")
    pseudonymise_frame(houses, keys).to_parquet(data / "safe.parquet")
    (data / "weights.bin").write_bytes(b"\x00\x01 no table")
    taken = {path.name: snapshot(path, root=root) for path in sorted(data.iterdir())}
    push(remote, root=root)
    client = open_client(settings)
    run = client.create_run(client.create_experiment("learnt"), tags={"data.version": taken["houses.csv"].name})

    redis.flushall()
    features = FeatureStore(settings, redis=redis, clock=lambda: AT)
    features.apply(VIEW)
    events = pd.DataFrame(
        {"seller": [ANNA, BO, old], "told": ["quiet", "sunny", "x"], "listed": [1, 2, 3], "event_time": [AT] * 3}
    )
    features.ingest(VIEW, events)
    features.ingest(VIEW, events.assign(told=f"ask {ANNA}")[1:2])
    features.materialise(VIEW)

    inputs = pd.DataFrame([{"area_m2": 80.0, "seller_email": BO}])
    model = as_version(DummyRegressor().fit(inputs, [1.0]), inputs, version=1)
    store = root / "monitoring.duckdb"
    with serving(create_app(model, settings=settings, conceal=concealing(keys))) as served:
        asked = [{"area_m2": float(50 + each), "seller_email": (ANNA, BO)[each % 2]} for each in range(6)]
        answers = [served.post("/predict", row).json()["request_id"] for row in asked]
        with PredictionStore(store) as opened:
            opened.take_predictions(settings.prediction_folder)
            opened.take_labels(
                pd.DataFrame({"request_id": answers, "known_at": LATER, "label": [f"of {ANNA}", "good"] * 3})
            )

        reports = root / "reports"
        reports.mkdir()
        (reports / "drift.html").write_text(f"<p>Odd row: {ANNA}</p><p>{BO}</p>")
        (reports / "clean.html").write_text("<p>nothing</p>")
        anna = person([ANNA], keys=keys)
        before = search(anna, [root, remote])
        received = []
        places = Places(
            root=root, remotes=(remote,), features=features, predictions=settings.prediction_folder, store=store,
            reports=(reports,),
        )  # fmt: skip
        receipt = erase(anna, places, request="7", by="ada", settings=settings, record=received.append)
        later = served.post("/predict", {"area_m2": 99.0, "seller_email": BO})
    assert later.ok
    return {
        "root": root, "remote": remote, "taken": taken, "before": before, "receipt": receipt, "received": received,
        "anna": anna, "features": features, "places": places, "run": run.info.run_id, "settings": settings,
        "store": store, "keys": keys,
    }  # fmt: skip


def test_the_search_finds_the_person_before_and_nowhere_after(estate):
    """A proof that could fail: the same search found table, snapshot, cache, remote, log, store and report."""
    suffixes = {path.suffix for path in estate["before"].found}
    assert {".csv", ".parquet", ".jsonl", ".duckdb", ".html"} <= suffixes
    assert any(estate["remote"] in path.parents for path in estate["before"].found)
    assert any(".dvc" in path.parts for path in estate["before"].found)
    assert estate["receipt"].left == ()
    assert estate["receipt"].proven
    assert search(estate["anna"], [estate["root"], estate["remote"]]).found == ()
    assert estate["receipt"].searched_files > 20


def test_the_receipt_tells_what_was_done_and_not_of_whom(estate):
    """It is what the audit trail gets."""
    receipt = estate["receipt"]
    assert estate["received"] == [receipt]
    assert (receipt.request, receipt.by) == ("7", "ada")
    tables = ("houses.csv", "houses.parquet", "safe.parquet")
    assert set(receipt.versions) == {estate["taken"][name].name for name in tables}
    assert receipt.rows == 3 * 3
    assert receipt.cells == 3
    assert (receipt.events, receipt.online, receipt.predictions) == (3, 3, 3)
    assert receipt.reports == ("drift.html",)
    assert receipt.learnt == (estate["run"],)
    assert "unique" not in receipt.model_dump_json()
    assert not any(word in receipt.model_dump_json() for word in estate["anna"].pseudonyms)


def test_others_keep_their_rows(estate, houses, tmp_path):
    """The new version is the old one without three rows, and with one mention blacked."""
    new = fetch(estate["receipt"].versions[estate["taken"]["houses.parquet"].name], root=estate["root"])
    houses.to_parquet(tmp_path / "as_read.parquet")
    expected = pd.read_parquet(tmp_path / "as_read.parquet").drop(index=[3, 4, 5]).reset_index(drop=True)
    expected.loc[4, "remarks"] = "Or ask my agent, [erased], on weekdays."
    pd.testing.assert_frame_equal(pd.read_parquet(new).reset_index(drop=True), expected)
    present = pd.read_csv(estate["root"] / "data" / "houses.csv", dtype=str, keep_default_na=False)
    assert list(present["house_id"]) == list(expected["house_id"])
    assert BO in (estate["root"] / "reports" / "drift.html").read_text()
    left = [(key, value) for key, value in estate["features"].everything_online() if "@" in key.rpartition(":")[2]]
    assert left == []  # of Bo a remark told of Anna: he comes back with the next materialise
    estate["features"].materialise(VIEW)
    (bo,) = estate["features"].online([{"seller": BO}], [VIEW])
    assert (bo["told"], bo["listed"]) == ("sunny", 2)


def test_the_old_versions_are_gone_here_and_in_the_remote(estate):
    """Neither name nor bytes; what is no table is still there."""
    names = [version.name for version in versions(estate["root"])]
    assert not set(estate["receipt"].versions) & set(names)
    assert set(estate["receipt"].versions.values()) <= set(names)
    assert estate["taken"]["weights.bin"].name in names
    with pytest.raises(VersionError, match="no data version"):
        fetch(estate["taken"]["houses.csv"].name, root=estate["root"])
    gone = estate["taken"]["houses.csv"].digest
    assert not list(estate["remote"].rglob(f"*{gone[2:]}*"))
    assert (estate["remote"] / "versions").is_dir()


def test_predictions_about_others_stay_and_are_joined(estate):
    """Three of six lines are blank, the server that was writing went on, and the store has the labels of the others."""
    logged = read_predictions(estate["settings"].prediction_folder).df()
    assert list(logged["output"]) == ["1.0"] * 4
    bo = estate["keys"].pseudonym(BO, kind="email")
    assert {json.loads(each)["seller_email"] for each in logged["features"]} == {bo}
    with PredictionStore(estate["store"]) as store:
        counts = store.count(LATER)
        assert store.take_predictions(estate["settings"].prediction_folder) == 1
    assert (counts.predictions, counts.labelled, counts.label_lines, counts.orphans) == (3, 3, 3, 0)


def test_repeating_an_erasure_changes_nothing(estate):
    """It is how one that broke off is completed."""
    again = erase(estate["anna"], estate["places"], request="7", by="ada")
    assert again.proven
    assert (again.versions, again.rows, again.events, again.predictions, again.reports) == ({}, 0, 0, 0, ())


def test_what_cannot_be_erased_is_told(tmp_path):
    """A file that is no table and a folder that is only searched: named, and the erasure is not called proven."""
    (tmp_path / "model.bin").write_bytes(b"\xff\x00" + ANNA.encode() + b"\x00")
    more = tmp_path / "more"
    more.mkdir()
    (more / "mail.txt").write_text("phone 0912-345-678")
    (tmp_path / "root").mkdir()
    places = Places(root=tmp_path / "root", more=(tmp_path / "model.bin", more))
    receipt = erase(person([ANNA, "+84 912 345 678"]), places, request="8", by="ada")
    assert not receipt.proven
    assert [each.rpartition("/")[2] for each in receipt.left] == ["model.bin", "mail.txt"]
    with pytest.raises(PrivacyError, match="is not there"):
        search(person([ANNA]), [tmp_path / "absent"])


@pytest.mark.parametrize("identifiers", [[], ["Anna Albers"], ["anna"], ["a@b", "7"]])
def test_a_name_is_no_identifier(identifiers):
    """Who erases by a name erases others."""
    with pytest.raises(PrivacyError, match="Names are not enough"):
        person(identifiers)


def test_a_person_is_told_from_those_with_similar_ids():
    """Neither a longer address nor a longer number is theirs; an id of the system's own is recognised as a word."""
    anna = person([ANNA, "H0000012", "0912 345 678"])
    assert anna.owns("h0000012")
    assert anna.owns(84912345678) is False
    for other in (f"jo.{ANNA}", f"x{ANNA}", f"{ANNA}.au", "H00000123", "0912 345 6789", "XH0000012"):
        assert not anna.owns(other)
        assert not anna.mentioned(f"see {other} now"), other
    assert anna.without("see H0000012, +84912345678.") == "see [erased], [erased]."
    assert "unique" not in repr(anna)


@pytest.mark.parametrize("written", ["{}", "x='{}'", "<{}>", "%40", "&#64;", "\\u0040", "ANNA"])
def test_the_search_knows_how_text_is_escaped(tmp_path, written):
    """As HTML, JSON and addresses of pages write it, and in capitals."""
    text = {"%40": ANNA.replace("@", "%40"), "&#64;": ANNA.replace("@", "&#64;"), "ANNA": ANNA.upper()}.get(
        written, json.dumps({"a": ANNA}).replace("@", "\\u0040") if "u0040" in written else written.format(ANNA)
    )
    (tmp_path / "file").write_bytes(b"\xff" + text.encode())
    assert search(person([ANNA]), [tmp_path]).found
    (tmp_path / "file").write_bytes(b"\xff" + text.replace("nn", "n").replace("NN", "N").encode())
    assert not search(person([ANNA]), [tmp_path]).found


def test_csv_keeps_every_other_cell_as_it_was_written(tmp_path):
    """Quotes, line breaks, leading zeros and empty cells are the same text after it."""
    source, target = tmp_path / "a.csv", tmp_path / "b.csv"
    source.write_text(f'id,note\n007,"two\nlines, ""quoted"""\n008,{ANNA}\n009,\n')
    assert clean_table(source, target, person([ANNA])).removed == 1
    assert target.read_text() == 'id,note\n007,"two\nlines, ""quoted"""\n009,\n'
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(PrivacyError, match=r"no \.csv or \.parquet"):
        clean_table(tmp_path / "a.txt", target, person([ANNA]))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(PrivacyError, match="cannot be read as a table"):
        clean_table(tmp_path / "bad.parquet", target, person([ANNA]))


def test_a_log_is_erased_from_while_it_is_written(tmp_path):
    """Appending goes on in another thread: no line of others is lost or torn."""
    log, done = PredictionLog(tmp_path), threading.Event()
    wanted = [
        json.dumps({"request_id": f"r{n}", "row": 0, "features": {"who": n % 3}}).encode() + b"\n" for n in range(300)
    ]

    def write():
        for line in wanted:
            log.append(line)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    erased = set()
    while not done.is_set():
        erased |= set(erase_predictions(tmp_path, lambda line: line["features"]["who"] == 0))
    writer.join()
    erased |= set(erase_predictions(tmp_path, lambda line: line["features"]["who"] == 0))
    log.close()
    assert erased == {(f"r{n}", 0) for n in range(0, 300, 3)}
    kept = read_predictions(tmp_path).df()["request_id"]
    assert sorted(kept) == sorted(f"r{n}" for n in range(300) if n % 3)


def test_withdrawing_keeps_bytes_that_another_version_needs(tmp_path):
    """The same content under two names goes with the second."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("x\n1\n")
    one, two = (snapshot(tmp_path / name, root=tmp_path) for name in ("a.csv", "b.csv"))
    assert one.digest == two.digest
    withdraw(one.name, root=tmp_path)
    assert fetch(two.name, root=tmp_path).read_text() == "x\n1\n"
    assert [path.suffix for path in withdraw(two.name, root=tmp_path)] == ["", ".csv", ".dvc"]
    assert versions(tmp_path) == []
