"""A table is scored as the model would, once, completely, and a retry is harmless."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import dask
import duckdb
import numpy as np
import pandas as pd
import psutil
import pytest
from filelock import FileLock
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from lib.errors import BatchError, UnknownVersion
from lib.registry import load
from lib.serving.batch import Query, export, published, score_table
from lib.serving.batch_partition import Scoring, fingerprint
from lib.serving.batch_predict import predict_rows
from lib.serving.batch_source import Staged
from lib.serving.fork_server import IMPORTED
from lib.serving.schema import Input
from tests.lib.registered import FEATURES, a_run, champion, houses, settings_in

ROOT = Path(__file__).parents[2]
WAIT_S = 60.0


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    settings = settings_in(tmp_path_factory.mktemp("registry"))
    champion("houses", a_run(settings, Ridge()), settings)
    return settings


@pytest.fixture
def score(settings, tmp_path):
    """Score into one destination, by a thread beside this one."""
    with ThreadPoolExecutor(1) as threads:

        def score(source, **more):
            options = {"model": "houses", "key": "id", "settings": settings, "executor": threads, **more}
            return score_table(source, tmp_path / "scores", **options)

        yield score


@pytest.fixture
def source(tmp_path):
    frame = houses(1_000)
    frame.to_parquet(tmp_path / "houses.parquet")
    return tmp_path / "houses.parquet"


def answers(manifest) -> pd.DataFrame:
    return pd.concat(map(pd.read_parquet, manifest.scores)).sort_values("id", ignore_index=True)


def expected(settings, frame) -> pd.DataFrame:
    scored = frame[["id"]].assign(prediction=load("houses", settings=settings).model.predict(frame[FEATURES]))
    return scored.sort_values("id", ignore_index=True)


@pytest.mark.parametrize("kind", ["parquet", "csv", "folder", "table"])
def test_every_row_has_the_models_answer(kind, score, settings, tmp_path):
    """Whatever the table is kept in, its rows get what `predict` answers for them."""
    frame = houses(1_000)
    if kind == "csv":
        source = tmp_path / "houses.csv"
        frame.to_csv(source, index=False)
    elif kind == "table":
        source = Query(tmp_path / "warehouse.duckdb", "FROM houses ORDER BY id")
        with duckdb.connect(source.database) as engine:
            engine.execute("CREATE TABLE houses AS FROM frame")
    else:
        source = tmp_path / "houses"
        source.mkdir()
        for part in range(2):
            frame[500 * part : 500 * part + 500].to_parquet(source / f"{part}.parquet")
        source = source if kind == "folder" else source / "0.parquet"
        frame = frame if kind == "folder" else frame[:500]
    manifest = score(source, partition_rows=300)
    pd.testing.assert_frame_equal(answers(manifest), expected(settings, frame))
    assert (manifest.rows, manifest.scored, manifest.rejected) == (len(frame), len(frame), 0)
    assert (manifest.model, manifest.model_version) == ("houses", 1)
    assert manifest.started_at < manifest.finished_at
    assert published(tmp_path / "scores") == manifest


def test_rejected_rows_are_kept_with_reasons(score, settings, tmp_path):
    """Rows with a missing, mistyped or infinite value are set aside with the reason, and the others are scored."""
    frame = houses(8).astype({"a": object, "id": object})
    frame.loc[0, "a"], frame.loc[1, "a"], frame.loc[2, "b"] = "wide", None, np.inf
    frame.loc[3, "b"], frame.loc[4, "id"], frame.loc[5, "a"] = np.nan, None, "nan"
    frame.to_csv(tmp_path / "houses.csv", index=False, na_rep="")
    manifest = score(tmp_path / "houses.csv")
    rejects = pd.concat(map(pd.read_parquet, manifest.rejects))
    assert rejects["reason"].tolist() == [
        "a is wide, no double", "a is missing", "b is inf, not a finite number", "b is missing", "id is missing",
        "a is nan, not a finite number",
    ]  # fmt: skip
    assert '"a":"wide"' in rejects["row"].iloc[0]
    assert '"region":"north"' in rejects["row"].iloc[0]
    assert (manifest.rows, manifest.scored, manifest.rejected) == (8, 2, 6)


def test_second_run_scores_nothing_again(score, source, settings):
    """Equal rows, model and code: the finished partitions stand, and the answers are the same."""
    frame = houses(150_000)
    frame.loc[::7, "a"] = None
    frame.to_parquet(source)
    first, second = score(source, partition_rows=70_000), score(source, partition_rows=70_000)
    assert [each.reused for each in first.partitions] == [False] * 3
    assert [each.reused for each in second.partitions] == [True] * 3
    assert (first.scores, first.input_digest) == (second.scores, second.input_digest)


def test_only_a_changed_partition_is_scored_again(score, source, settings):
    """One changed value costs the partition that it is in, by value, whatever order the rows come in."""
    score(source, partition_by="region")
    frame = houses(1_000)[::-1]
    frame.loc[frame["region"] == "south", "a"] += 1
    frame.to_parquet(source)
    manifest = score(source, partition_by="region")
    assert {each.name: each.reused for each in manifest.partitions} == {"north": True, "south": False}
    pd.testing.assert_frame_equal(answers(manifest), expected(settings, frame))


def test_damaged_partition_is_scored_again(score, source, settings):
    """A finished partition whose file was changed does not count as finished."""
    first = score(source, partition_rows=500)
    first.scores[0].write_bytes(b"torn")
    second = score(source, partition_rows=500)
    assert [each.reused for each in second.partitions] == [False, True]
    pd.testing.assert_frame_equal(answers(second), expected(settings, houses(1_000)))


def test_what_decides_an_answer_is_in_the_fingerprint(tmp_path):
    """Other rows, another model, other inputs or another key: another fingerprint."""
    part = Staged("0", tmp_path, 1, "sha256:1")
    scoring = Scoring(what="", location="", digest="sha256:2", inputs=(), key="id", folder=tmp_path)
    marks = {
        fingerprint(part, scoring),
        fingerprint(replace(part, digest="sha256:9"), scoring),
        fingerprint(part, replace(scoring, digest="sha256:9")),
        fingerprint(part, replace(scoring, inputs=(Input(name="a", type="double"),))),
        fingerprint(part, replace(scoring, key="house")),
    }
    assert len(marks) == 5


def test_readers_keep_the_complete_result_they_opened(score, source, settings):
    """While a run goes on and after it, the manifest that was read before names the old answers, all of them."""
    old = score(source, partition_rows=500)
    frame = houses(1_000, seed=1)
    frame.to_parquet(source)
    seen = []

    class Reading(ThreadPoolExecutor):
        def submit(self, *args, **more):
            seen.append(published(old.folder))
            return super().submit(*args, **more)

    with Reading(1) as threads:
        new = score(source, partition_rows=500, executor=threads)
    assert seen == [old, old]
    pd.testing.assert_frame_equal(answers(old), expected(settings, houses(1_000)))
    pd.testing.assert_frame_equal(answers(new), expected(settings, frame))
    score(source, partition_rows=600)
    assert not any(path.exists() for path in old.scores), "two runs later the old files are gone"


def test_input_that_changes_meanwhile_is_not_published(score, source):
    """A file that is written while it is read makes no result; what was published before stands."""
    old = score(source)
    houses(1_000, seed=1).to_parquet(source)

    class Rewriting(ThreadPoolExecutor):
        def submit(self, *args, **more):
            houses(1_000, seed=2).to_parquet(source)
            return super().submit(*args, **more)

    with Rewriting(1) as threads, pytest.raises(BatchError, match=r"changed while it was read.*Run it again"):
        score(source, partition_rows=500, executor=threads)
    assert published(old.folder) == old


def test_full_disk_is_one_error_and_nothing_is_published(score, source):
    """A write that fails ends the run with a clear error; the next run is complete."""
    old = score(source)
    houses(1_000, seed=1).to_parquet(source)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**14, limits[1]))
    try:
        with pytest.raises(BatchError, match=r"too large.*finished partitions are kept"):
            score(source)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert published(old.folder) == old
    assert not list(old.folder.glob(".staging-*"))
    assert score(source).scored == 1_000


def test_one_run_at_a_time(score, source, tmp_path):
    """A second run on the same destination is refused, or waits as long as it is told."""
    (tmp_path / "scores").mkdir()
    with FileLock(tmp_path / "scores" / ".lock"), pytest.raises(BatchError, match=r"another run works on .*waited 0 s"):
        score(source)
    assert score(source, wait_s=1).scored == 1_000


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: frame.drop(columns="a"), r"no column a\. It has b, id, region, y"),
        (lambda frame: frame[:0], r"0 rows"),
        (lambda frame: pd.concat([frame, frame[:2]]), r"2 rows repeat a id"),
        (lambda frame: frame.assign(a=pd.Timestamp("2026-01-01")), r"column a is TIMESTAMP.*wants double"),
        (lambda frame: frame.assign(a=np.nan), r"all 1000 rows were rejected \(a is "),
    ],
)
def test_unusable_table_is_an_error(change, said, score, source):
    """A table that cannot be scored at all is refused before anything is published."""
    change(houses(1_000)).to_parquet(source)
    with pytest.raises(BatchError, match=said):
        score(source)


def test_unusable_source_is_an_error(score, source, tmp_path):
    """A damaged or missing file, a wrong query, an unknown format: the error says which."""
    source.write_bytes(source.read_bytes()[:-50])
    with pytest.raises(BatchError, match=r"houses\.parquet"):
        score(source)
    with pytest.raises(BatchError, match=r"nowhere\.parquet holds no table"):
        score(tmp_path / "nowhere.parquet")
    duckdb.connect(tmp_path / "warehouse.duckdb").close()
    with pytest.raises(BatchError, match=r"streets does not exist"):
        score(Query(tmp_path / "warehouse.duckdb", "FROM streets"))
    (tmp_path / "houses.xlsx").touch()
    with pytest.raises(BatchError, match=r"neither \.parquet nor \.csv"):
        score(tmp_path / "houses.xlsx")


def test_other_mistakes_are_errors(score, source, tmp_path):
    """No champion, no such model, nothing published, an unknown format for an export."""
    with pytest.raises(UnknownVersion, match="no model 'castles'"):
        score(source, model="castles")
    with pytest.raises(BatchError, match="nothing was published"):
        published(tmp_path)
    with pytest.raises(BatchError, match="partition_rows is 0"):
        score(source, partition_rows=0)
    with pytest.raises(BatchError, match=r"'\.json'"):
        export(score(source), tmp_path / "scores.json")


def test_export_is_one_file(score, source, settings, tmp_path):
    """All answers in one CSV or Parquet file, and no hidden file is left beside it."""
    manifest = score(source, partition_rows=300)
    for name, read in (("all.csv", pd.read_csv), ("all.parquet", pd.read_parquet)):
        exported = read(export(manifest, tmp_path / name)).sort_values("id", ignore_index=True)
        pd.testing.assert_frame_equal(exported, expected(settings, houses(1_000)))
    assert not list(tmp_path.glob(".all*"))


def test_row_that_the_model_refuses_costs_no_other():
    """The rows on which `predict` raises are found by halving; all others have the answers of a plain call."""
    frame = pd.DataFrame({"town": ["Ulm", "Bonn"] * 50})
    model = make_pipeline(OneHotEncoder(handle_unknown="error"), Ridge()).fit(frame, np.arange(100.0))
    plain = model.predict(frame)
    frame.loc[[3, 40, 99], "town"] = "Atlantis"
    found, failed = predict_rows(model, frame)
    assert list(failed) == [3, 40, 99]
    assert all("Atlantis" in reason for reason in failed.values())
    np.testing.assert_array_equal(found, np.delete(plain, [3, 40, 99]))
    with pytest.raises(ValueError, match="Atlantis"):
        predict_rows(model, frame.assign(town="Atlantis").loc[np.zeros(200, dtype=int)])


_RUN = """
import sys
from lib.serving.batch import score_table
from lib.settings import Settings
if __name__ == "__main__":
    score_table(sys.argv[1], sys.argv[2], model="houses", key="id", partition_rows=10_000,
                settings=Settings(root=sys.argv[3]))
"""


@pytest.mark.thorough
def test_killed_run_is_finished_by_the_next(score, settings, tmp_path):
    """kill -9 on a run with worker processes: they end too, its finished partitions stand, nothing is doubled."""
    frame = pd.concat([houses(50_000)] * 4, ignore_index=True)
    frame["id"] = np.arange(len(frame))
    source, folder = tmp_path / "houses.parquet", tmp_path / "scores"
    frame.to_parquet(source)
    script = tmp_path / "run.py"
    script.write_text(_RUN)
    command = [sys.executable, str(script), str(source), str(folder), str(settings.root)]
    with subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}) as run:
        _wait(lambda: len(list(folder.glob(".partitions/*.json"))) >= 2 or run.poll() is not None)
        workers = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL
    assert workers
    _wait(lambda: not any(_alive(worker) for worker in workers))
    assert not (folder / "manifest.json").exists()
    kept = len(list(folder.glob(".partitions/*.json")))
    manifest = score(source, partition_rows=10_000)
    assert sum(each.reused for each in manifest.partitions) == kept
    assert 2 <= kept < len(manifest.partitions)
    pd.testing.assert_frame_equal(answers(manifest), expected(settings, frame))
    assert not list(folder.glob(".partitions/.*")), "nothing half-written is left"


@pytest.mark.thorough
def test_partitions_run_on_a_dask_cluster(score, source, settings):
    """Two worker processes behind a real scheduler, named by its address, give the same answers."""
    from distributed import LocalCluster
    from distributed.utils import get_mp_context

    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        # What both would import is imported once; Dask first names what it would have imported, and that is more.
        get_mp_context().set_forkserver_preload(["distributed", *IMPORTED])
        cluster = LocalCluster(**options, host="127.0.0.1")
    with cluster:
        manifest = score(source, partition_rows=250, executor=cluster.scheduler_address)
    assert [each.reused for each in manifest.partitions] == [False] * 4
    pd.testing.assert_frame_equal(answers(manifest), expected(settings, houses(1_000)))
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(BatchError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"),
    ):
        score(source, partition_rows=250, executor="tcp://127.0.0.1:1")


def _alive(process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait(condition) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
