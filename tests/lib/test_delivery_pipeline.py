"""The pipeline under DVC: cached by content, stopped with a reason, resumed after a kill, one run at a time."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import psutil
import pytest
import requests
import yaml
from filelock import FileLock
from pydantic import Field

from lib.cli_safeguards import safeguards
from lib.delivery.deployment import open_deployment
from lib.delivery.feed import as_known, ensure_sales, sales_known
from lib.delivery.pipeline import (
    DATA,
    PIPELINE,
    find_step,
    read_states,
    run_pipeline,
    warm_steps,
    write_pipeline,
)
from lib.delivery.quality import check_quality
from lib.delivery.retrain import retrain
from lib.delivery.step import Options, Output, Step, call, run_step, trouble
from lib.delivery.steps import Registered
from lib.delivery.wanted import Wanted
from lib.errors import DeliveryError, Refused, SchemaError
from lib.governance.provenance import verify_version
from lib.governance.signing_keys import read_public_key, write_signing_keys
from lib.market import FEATURES, HOUSES
from lib.monitoring.actions import Retrain
from lib.monitoring.audit import ActionLog, Entry
from lib.monitoring.catalogue import RULES
from lib.monitoring.respond import Notice, Responder, Restraint
from lib.registry import Approval, history
from lib.settings import Settings
from lib.tracking import reproduce
from lib.workspace import open_workspace
from tests.lib.delivery_tools import clean_environment, running_cluster
from tests.lib.serving_tools import process, wait

STEPS = ["validate_data", "train", "evaluate", "register_candidate"]
RELEASE = ["deploy_staging", "smoke_staging", "approve", "deploy_production", "verify", "done"]
UNTIL = "register_candidate"


@pytest.fixture(scope="module")
def warm():
    """One process for all runs here."""
    with warm_steps() as found:
        yield found


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A workspace whose first run was killed, with everything it had started, in the middle of the training."""
    folder = tmp_path_factory.mktemp("pipeline")
    with clean_environment():
        root = open_workspace(folder / "work")
        ensure_sales(root / DATA, days=400, rows_a_day=4, say=lambda _text: None)
        (root / "params.yaml").write_text("train: {trees: 8}\n")
        with process(["-m", "lib", "pipeline", "run", "--root", str(root), "--until", UNTIL], folder) as child:
            wait(lambda: (state := trouble(find_step("train"), root)) is not None and state.status == "running", 60)
            running = {state.step: state.status for state in read_states(root)}
            started = psutil.Process(child.pid).children(recursive=True)
            os.killpg(child.pid, signal.SIGKILL)
            # Gone for DVC, too, which takes a process that nobody has waited for yet as alive.
            wait(lambda: not any(psutil.pid_exists(each.pid) for each in started))
        yield root, running, {state.step: state for state in read_states(root)}


@pytest.fixture(scope="module")
def resumed(interrupted, warm):
    """The same workspace after a second start, and what DVC said then."""
    root, _, _ = interrupted
    said: list[str] = []
    states = run_pipeline(root, until=UNTIL, say=said.append, warm=warm)
    return root, states, said


def outputs(root: Path) -> dict[str, str]:
    return {step: (root / "pipeline" / f"{step}.json").read_text() for step in STEPS}


@pytest.mark.thorough
def test_killed_run_says_where_it_stood(interrupted):
    """What was finished is done, what ran is interrupted, what was not reached is to do; before, it was running."""
    _, running, states = interrupted
    assert running == dict(zip(STEPS + RELEASE, ["done", "running", *["to do"] * 8], strict=True))
    assert {name: state.status for name, state in states.items()} == {
        "validate_data": "done",
        "train": "interrupted",
        "evaluate": "to do",
        **dict.fromkeys(["register_candidate", *RELEASE], "to do"),
    }
    assert "killed" in states["train"].reason


@pytest.mark.thorough
def test_second_start_resumes_there(resumed):
    """The validation is not repeated; the rest runs, and the winner is version 1 of the registry, not promoted."""
    root, states, said = resumed
    assert [state.status for state in states] == ["done"] * 4 + ["to do"] * 6
    assert "Stage 'validate_data' didn't change, skipping" in said
    assert "Running stage 'train':" in said
    lines = history("house-price-predictor", settings=Settings(root=root))
    assert [(line.kind, line.to_stage) for line in lines] == [("register", "None")]
    evaluated = json.loads(outputs(root)["evaluate"])
    assert evaluated["opponent"] == "the median price"
    assert 0 < evaluated["low"] <= evaluated["gain"] <= evaluated["high"]
    registered = json.loads(outputs(root)["register_candidate"])
    assert registered["version"] == registered["expected"]["model_version"] == 1
    assert len(registered["expected"]["golden"]) == 8


def test_run_of_the_pipeline_can_be_repeated(resumed):
    """The tracked run is reproduced to the last bit, divided by when each sale became known."""
    root, _, _ = resumed
    run_id = json.loads(outputs(root)["train"])["run_id"]
    assert reproduce(run_id, isolated=False, settings=Settings(root=root)).equal


def test_unchanged_runs_nothing_and_a_changed_option_only_what_stands_on_it(resumed, warm):
    """Content decides: the same table written again is the same; another margin is judged again and not trained."""
    root, _, _ = resumed
    before, said = outputs(root), []
    os.utime(root / DATA)
    run_pipeline(root, until=UNTIL, say=said.append, warm=warm)
    assert "Data and pipelines are up to date." in said
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["evaluate"]["confidence"] = 0.9
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    assert [state.status for state in read_states(root)] == ["done", "done", "to do", "done", *["to do"] * 6]
    said.clear()
    run_pipeline(root, until="evaluate", say=said.append, warm=warm)
    assert [line for line in said if line.startswith("Running")] == ["Running stage 'evaluate':"]
    after = outputs(root)
    assert after["train"] == before["train"]
    assert after["evaluate"] != before["evaluate"]


def test_poisoned_table_is_refused_and_what_was_made_is_kept(resumed, warm):
    """Nothing is trained on areas in square feet; the reason is told; mended data goes on without a trace."""
    root, _, _ = resumed
    sound, before = (root / DATA).read_bytes(), outputs(root)
    table = pd.read_parquet(root / DATA)
    table.loc[::3, "area_m2"] *= 10.7639
    table.to_parquet(root / DATA, index=False)
    with pytest.raises(
        Refused, match=r"stopped at validate_data: the table is refused: \d+ of 1\d+ rows break the sch"
    ):
        run_pipeline(root, warm=warm)
    states = {state.step: state for state in read_states(root)}
    assert states["validate_data"].status == "refused"
    assert {name: text for name, text in outputs_there(root).items() if name != "validate_data"} == {
        name: text for name, text in before.items() if name != "validate_data"
    }
    assert len(history("house-price-predictor", settings=Settings(root=root))) == 1
    (root / DATA).write_bytes(sound)
    (state, *_) = run_pipeline(root, until="validate_data", warm=warm)
    assert (state.step, state.status) == ("validate_data", "done")
    assert outputs(root)["validate_data"] == before["validate_data"]


def outputs_there(root: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in (root / "pipeline").glob("*.json")}


def test_second_run_at_the_same_time_is_told_so(tmp_path):
    """While one run is at work, another starts nothing."""
    (tmp_path / "pipeline" / "state").mkdir(parents=True)
    with FileLock(tmp_path / "pipeline" / "state" / "lock"), pytest.raises(DeliveryError, match="another run"):
        run_pipeline(tmp_path)
    assert not (tmp_path / "dvc.yaml").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train: {trees: 8", "params.yaml is no YAML"),
        ("- train", "not sections by step"),
        ("train: {tree: 8}", "section train: tree: Extra inputs are not permitted. It may set trees"),
        ("train: {trees: 0}", "trees: Input should be greater than or equal to 1"),
        ("trian: {trees: 8}", "has a section trian, and the steps are validate_data"),
    ],
)
def test_broken_params_are_named(tmp_path, text, words):
    """Before anything runs, the section and field at fault are told."""
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(DeliveryError, match=words):
        write_pipeline(tmp_path)


def test_graph_follows_from_the_types(tmp_path):
    """Each stage depends on what its function takes; only the registry's step persists; options are written out."""
    stages = yaml.safe_load(write_pipeline(tmp_path).read_text())["stages"]
    assert list(stages) == STEPS + RELEASE
    assert stages["validate_data"]["deps"] == [DATA]
    assert stages["evaluate"]["deps"] == ["pipeline/train.json"]
    assert stages["done"]["deps"] == ["pipeline/verify.json", "pipeline/approve.json"]
    assert stages["register_candidate"]["outs"] == [{"pipeline/register_candidate.json": {"persist": True}}]
    params = yaml.safe_load((tmp_path / "params.yaml").read_text())
    assert params["train"]["trees"] == 60
    before = (tmp_path / "dvc.yaml").stat().st_mtime_ns
    write_pipeline(tmp_path)
    assert (tmp_path / "dvc.yaml").stat().st_mtime_ns == before
    with pytest.raises(DeliveryError, match="no step is named 'deploy'"):
        find_step("deploy")


class Knob(Options):
    times: int = Field(default=2, ge=1)


class Text(Output):
    text: str


class Longer(Output):
    text: str


def read(file: Path) -> Text:
    return Text(text=file.read_text())


def repeat(text: Text, knob: Knob) -> Longer:
    if not text.text:
        raise Refused("there is nothing to repeat")
    return Longer(text=text.text * knob.times)


SMALL = {step.gives: step for step in (Step(read, file="words"), Step(repeat))}


def test_step_keeps_what_it_gives_and_why_it_did_not(tmp_path):
    """A result, a refusal, a failure and a missing input are four different ends."""
    settings = Settings(root=tmp_path)
    (tmp_path / "words").write_text("ab")
    with pytest.raises(DeliveryError, match=r"which read makes, cannot be read: .*Run the pipeline from read on"):
        run_step(SMALL[Longer], SMALL, root=tmp_path, settings=settings)
    run_step(SMALL[Text], SMALL, root=tmp_path, settings=settings)
    assert run_step(SMALL[Longer], SMALL, root=tmp_path, settings=settings) == Longer(text="abab")
    assert trouble(SMALL[Longer], tmp_path) is None
    (tmp_path / "words").write_text("")
    run_step(SMALL[Text], SMALL, root=tmp_path, settings=settings)
    with pytest.raises(Refused):
        run_step(SMALL[Longer], SMALL, root=tmp_path, settings=settings)
    assert trouble(SMALL[Longer], tmp_path).status == "refused"
    (tmp_path / "words").unlink()
    with pytest.raises(FileNotFoundError):
        run_step(SMALL[Text], SMALL, root=tmp_path, settings=settings)
    failed = trouble(SMALL[Text], tmp_path)
    assert failed.status == "failed"
    assert failed.reason.startswith("FileNotFoundError")


def test_step_called_alone_says_what_went_wrong(tmp_path, monkeypatch, capsys):
    """DVC sees the exit code, a person the reason."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words").write_text("")
    assert call(SMALL[Text], SMALL) == 0
    assert call(SMALL[Longer], SMALL) == 1
    assert "repeat: there is nothing to repeat" in capsys.readouterr().err


def test_process_with_the_same_number_is_not_the_one_that_ran(tmp_path):
    """Numbers of processes come again: only one that was started at the same moment still runs."""
    state = tmp_path / "pipeline" / "state" / "read.json"
    state.parent.mkdir(parents=True)
    me = psutil.Process().create_time()
    for started, status in ((me, "running"), (me - 5, "interrupted")):
        state.write_text(json.dumps({"step": "read", "status": "running", "process": os.getpid(), "started": started}))
        assert trouble(SMALL[Text], tmp_path).status == status
    state.write_text('{"step": "re')
    assert trouble(SMALL[Text], tmp_path).reason == "its record is incomplete"


def test_workspace_is_opened_again_and_never_made_of_something_else(tmp_path):
    """What a workspace holds stays; another folder is left alone."""
    from lib.errors import WorkspaceError

    with clean_environment():
        root = open_workspace(tmp_path / "one")
        (root / "kept").write_text("x")
        assert open_workspace(tmp_path / "one") == root
        assert (root / "kept").exists()
        with pytest.raises(WorkspaceError, match="holds other things"):
            open_workspace(tmp_path)


@pytest.fixture(scope="module")
def market():
    return sales_known(300, rows_a_day=6)


def test_feed_only_adds_what_became_known(market):
    """A later day changes nothing of what was known before, and knows more."""
    later = sales_known(330, rows_a_day=6).iloc[: len(market)]
    known = market["sold_on"].notna()
    pd.testing.assert_frame_equal(later[known.to_numpy()], market[known])
    assert int(later["sold_on"].notna().sum()) > int(known.sum())
    assert market["sold_on"].max() < pd.Timestamp("2023-10-28")
    assert HOUSES.check(market) is market


def test_quality_leaves_out_a_few_bad_rows_and_refuses_a_bad_batch(market):
    """One wrong row is left out; a third of them condemns the batch, for nobody knows about the rest."""
    few, many = market.copy(), market.copy()
    few.loc[few.index[:3], "rooms"] = 99
    many.loc[many.index[::3], "rooms"] = 99
    found = check_quality(few)
    assert (found.accepted, found.faulty, len(found.valid)) == (True, 3, len(few) - 3)
    found = check_quality(many)
    assert not found.accepted
    assert found.valid.empty
    assert "rows break the schema: rooms" in found.reasons[0]


def test_quality_tells_poisoned_prices_from_a_market_that_fell(market):
    """A quarter less is news and passes; prices of a supplier that forgot the decimal point do not."""
    sold = market.dropna(subset=["price_eur"])
    reference, new = sold.iloc[:800], sold.iloc[800:]
    fallen, poisoned = new.copy(), new.copy()
    fallen["price_eur"] *= 0.75
    poisoned.loc[poisoned.index[::4], "price_eur"] *= 4
    assert len(check_quality(fallen, reference=reference).valid) > 0.97 * len(new)
    found = check_quality(poisoned, reference=reference)
    assert "prices are such as no house of their district had before" in found.reasons[0]
    assert check_quality(new.drop(columns="rooms"), reference=reference).reasons[0].startswith("schema: missing: rooms")


def test_quality_of_what_is_not_sold_yet(market):
    """A row without a price has none to doubt."""
    unsold = market[market["price_eur"].isna()]
    assert check_quality(unsold, reference=market).accepted
    assert as_known(market, pd.Timestamp("2023-02-01"))["listed_on"].max() < pd.Timestamp("2023-02-01")
    with pytest.raises(SchemaError):
        HOUSES.check(market.assign(rooms=99))


def test_python_m_lib_pipeline_status(resumed, capsys):
    """The command prints one line a step."""
    from lib.cli import main

    root, _, _ = resumed
    assert main(["pipeline", "status", "--root", str(root)]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == STEPS + RELEASE
    assert sys.executable
    assert len(PIPELINE) == 10


@pytest.mark.thorough
def test_an_alert_trains_through_the_pipeline_once_and_not_too_often(resumed, warm, tmp_path):
    """A candidate with its errors in the log; nothing new trains nothing; bad sales are refused; undone, archived."""
    root, _, _ = resumed
    settings, day = Settings(root=root), datetime(2026, 3, 2, tzinfo=UTC)
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["train"]["trees"] = 9
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    sound, sales, now = (root / DATA).read_bytes(), pd.read_parquet(root / DATA), [day]
    action = Retrain(lambda _reason: retrain(root, sales, warm=warm), settings.served_model, settings)
    log = ActionLog(tmp_path / "actions.jsonl", clock=lambda: now[0])
    responder = Responder(RULES, [action], log, restraints={"retrain": Restraint(cool_down_s=86_400)})

    def fire(key: str) -> Entry | None:
        notice = Notice(rule="ModelErrorHigh", key=key, state="firing", summary="it is bad")
        return responder.take(notice, now=now[0])

    done = fire("one")
    assert (done.outcome, done.before) == ("done", {"candidate": 2})
    assert re.match(r"candidate 2: RMSE [\d,]+ against [\d,]+ EUR of the median price on \d+ unseen sales", done.said)
    assert fire("one") is None
    assert fire("two").said.startswith("cool-down")
    now[0] = day + timedelta(days=1)
    assert (fire("two").outcome, fire("two")) == ("nothing to do", None)
    now[0] = day + timedelta(days=2)
    sales = sales.assign(area_m2=10.7639 * sales["area_m2"])
    failed = fire("three")
    assert failed.outcome == "failed"
    assert "stopped at validate_data: the table is refused" in failed.said
    responder.undo(done.number, by="ada", reason="trained on two regimes")
    last = history(settings.served_model, settings=settings)[-1]
    assert (last.version, last.to_stage, last.champion) == (2, "Archived", None)
    (root / DATA).write_bytes(sound)


POLICY = """
[[rules]]
id = "signed-model"
check = "signed"
severity = "block"
why = "An unsigned file may be anybody's."
[[rules]]
id = "gates-passed"
check = "gates_passed"
severity = "block"
why = "Files that changed have no business answering."
options = { gates = ["artifact_digest", "signature_compatible"] }
"""


@pytest.fixture
def policed(tmp_path, monkeypatch):
    """For the steps, too, which are processes: who may approve, what is asked of a release, who signs."""
    _, public = write_signing_keys(tmp_path / "keys")
    (tmp_path / "policy.toml").write_text(POLICY)
    monkeypatch.chdir(tmp_path)
    given = {"APPROVERS": '["rita"]', "POLICY": "policy.toml", "SIGNERS": '["keys/signing_key.pub"]',
             "SIGNING_KEY": "keys/signing_key.pem"}  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(f"MLOPS_{name}", value)
    return public


@pytest.mark.thorough
def test_release_is_signed_stops_for_an_approval_and_goes_on_from_there(resumed, warm, policed):
    """From the candidate to production: nothing is deployed again; at last clients are answered by that version.

    With a policy and signers: what the pipeline registers is signed, and what is not goes nowhere.
    """
    root, said = resumed[0], []
    (root / "params.yaml").write_text("train: {trees: 7}\ndeploy_production: {replicas: 1}\n")
    run_pipeline(root, until=UNTIL, warm=warm)
    registered = Registered.model_validate_json(outputs(root)["register_candidate"])
    version, settings = registered.version, Settings(root=root)
    assert verify_version(settings.served_model, version, signers=[read_public_key(policed)], settings=settings)
    with running_cluster(settings):
        unsigned = open_deployment(settings, safeguards(settings))
        first = Wanted(model=settings.served_model, version=1, replicas=1)
        unsigned.repository.want("staging", first, by="ada", expected=registered.expected)
        with pytest.raises(Refused, match=r"staging waits: .* signed: version 1 of \S+ is not signed"):
            unsigned.bring("staging", wait_s=60, say=said.append)
        with pytest.raises(Refused, match=r"version 1 of \S+ is not approved: .*signed-model: .*gates-passed: not pas"):
            unsigned.approve(settings.served_model, 1, Approval(by="rita", reason="looked at nothing"))
        with pytest.raises(Refused, match=rf"stopped at approve: version {version} .*gitops approve {version} --by"):
            run_pipeline(root, say=said.append, warm=warm)
        assert ran(said) == RELEASE[:3]
        deployment = open_deployment(settings, safeguards(settings))
        assert deployment.cluster.look("production").serving is None
        deployment.approve(settings.served_model, version, Approval(by="rita", reason="looked at staging"))

        said.clear()
        states = run_pipeline(root, say=said.append, warm=warm)
        assert ran(said) == RELEASE[2:]
        assert {state.status for state in states} == {"done"}
        done = json.loads((root / "pipeline/done.json").read_text())
        assert (done["version"], done["approved_by"], done["replaced"]) == (version, "rita", None)
        assert deployment.status("production").state == "in place"
        house = json.loads(pd.read_parquet(root / DATA)[list(FEATURES)].tail(1).to_json(orient="records"))[0]
        url = f"{deployment.cluster.look('production').url}/predict"
        assert requests.post(url, json=house, timeout=30).json()["model_version"] == version


def ran(said: list[str]) -> list[str]:
    """The steps that DVC ran, by what it said."""
    return [line.split("'")[1] for line in said if line.startswith("Running stage")]
