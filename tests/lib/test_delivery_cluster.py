"""Staging and production as real processes behind a real proxy: clients are answered through all that happens."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading

import pytest
import requests
import yaml
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.preprocessing import PowerTransformer

from lib.cli import main
from lib.delivery import release_steps
from lib.delivery.cluster import run_cluster
from lib.delivery.deployment import cluster_folder, open_deployment
from lib.delivery.release_steps import ProductionOptions, StagingOptions
from lib.delivery.rollout_record import Records
from lib.delivery.smoke import Expected, golden_answers
from lib.delivery.steps import Registered
from lib.delivery.wanted import Canary, CanaryStep, Wanted
from lib.delivery.wanted_repository import WantedRepository
from lib.errors import DeliveryError, Refused
from lib.registry import Approval, history, load_version, register
from lib.registry.stores import open_stores
from lib.serving.traffic import traffic
from lib.tracking.read import model_folder
from tests.lib.delivery_tools import WRONG, InstantCluster, Killed, World, running_cluster, servers
from tests.lib.delivery_tools import expected as tiny_answers
from tests.lib.registered import FEATURES, a_run, another, houses, settings_in
from tests.lib.serving_tools import process, wait

FIRST, BETTER, FRAIL, LOST = 1, 2, 3, 4
GRACE = Approval(by="grace", reason="looked at staging")
CANARY = Canary(steps=(CanaryStep(share=0.2, requests=20), CanaryStep(share=0.5, requests=20)), slower=50)
ORDINARY = [json.dumps(row).encode() for row in houses(40)[FEATURES].to_dict("records")]
# One in five lies where version 3 answers NaN, which its server refuses to hand out.
FAR = [b'{"a": -90.0, "b": 1.0}' if number % 5 == 0 else body for number, body in enumerate(ORDINARY)]
pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """A registry of four versions that nobody has moved yet, trained by root and registered by ada."""
    settings = settings_in(tmp_path_factory.mktemp("delivery"))
    name = settings.served_model
    frame = houses()
    good = a_run(settings, Ridge(alpha=1.0), frame)
    frail = TransformedTargetRegressor(Ridge(), transformer=PowerTransformer(method="box-cox"))
    runs = {
        FIRST: good,
        BETTER: a_run(settings, Ridge(alpha=2.0), frame),
        FRAIL: a_run(settings, frail, frame.assign(y=frame["y"] + 40)),
        LOST: another(good, settings),
    }
    for number, run_id in runs.items():
        assert register(run_id, name, by="ada", settings=settings).version == number
    return settings


def expected(settings, version):
    rows = houses(4)[FEATURES]
    answers = load_version(settings.served_model, version, settings=settings).model.predict(rows).tolist()
    golden = golden_answers(rows.to_dict("records"), answers)
    return Expected(golden=golden, model_version=version, latency_p95_ms=5_000)


@pytest.fixture(scope="module")
def here(settings):
    """A running cluster in which version 1 went the whole way to production."""
    deployment = open_deployment(settings)
    with running_cluster(settings):
        ask_for(deployment, FIRST)
        assert [report.state for report in deployment.reconcile(wait_s=120)] == ["in place", "waiting"]
        deployment.approve(settings.served_model, FIRST, GRACE)
        assert [report.state for report in deployment.reconcile(wait_s=120)] == ["in place", "in place"]
        yield deployment


def ask_for(deployment, version):
    wanted = Wanted(model=deployment.settings.served_model, version=version, replicas=1, canary=CANARY)
    deployment.repository.want("staging", wanted, by="ada", expected=expected(deployment.settings, version))
    return deployment.repository.want("production", wanted, by="ada")


def clients(deployment, bodies=ORDINARY, rate=60):
    """A constant load on production; stop it when the test has seen enough."""
    due = [number / rate for number in range(rate * 300)]
    return traffic(f"{deployment.cluster.look('production').url}/predict", bodies, due)


def without_registry(settings):
    """The same deployment for somebody who does not reach the registry."""
    return open_deployment(settings.model_copy(update={"ledger_uri": "sqlite:////dev/null/registry.db"}))


def stages(settings):
    """The stage of each version, by the ledger."""
    found = {line.version: line.to_stage for line in history(settings.served_model, settings=settings)}
    return {version: stage for version, stage in found.items() if stage != "None"}


def test_a_release_by_the_steps_of_the_pipeline_and_a_revert_lose_no_request(here, settings):
    """Staging, smoke, an approval that is missing at first, canary, all, verified; `git revert`; the ledger follows."""
    name = settings.served_model
    registered = Registered(
        model=name, version=BETTER, run_id="-", digest="-", expected=expected(settings, BETTER)
    )  # fmt: skip
    options = ProductionOptions(replicas=2, canary=CANARY)
    with clients(here) as sending:
        staged = release_steps.deploy_staging(registered, StagingOptions(), settings)
        smoked = release_steps.smoke_staging(staged, settings)
        assert set(smoked.checks.values()) == {"passed"}
        with pytest.raises(Refused, match=r"nobody approved it.* gitops approve 2 --by NAME"):
            release_steps.approve(smoked, settings)
        here.approve(name, BETTER, GRACE)
        approved = release_steps.approve(smoked, settings)
        released = release_steps.deploy_production(approved, options, settings)
        done = release_steps.done(release_steps.verify(released, settings), approved, settings)
        assert (done.version, done.replaced, done.approved_by) == (BETTER, FIRST, "grace")
        assert stages(settings) == {FIRST: "Archived", BETTER: "Production"}
        here.repository.revert(done.take_back.removeprefix("git revert "), by="bob")
        report = here.bring("production", wait_s=120, say=lambda _text: None)
        sending.stopped.set()
    assert sending.wrong == []
    assert len(sending.answered) > 100
    assert (report.state, report.serving) == ("in place", FIRST)
    lines = history(name, settings=settings)
    assert (lines[-1].kind, lines[-1].by) == ("rollback", "bob")
    assert stages(settings) == {FIRST: "Production", BETTER: "Archived"}
    evidence = [each.id for line in lines for each in line.evidence if line.version == BETTER]
    assert evidence == ["smoke_staging", "smoke_production"]
    with pytest.raises(DeliveryError, match=r"git wants 1, the cluster serves 1 and the registry's champion is 1"):
        release_steps.verify(released, settings)


def test_nobody_approves_their_own_work(here, settings):
    """Neither who trained nor who registered nor who asked for it, and no stranger; not even past the command."""
    name = settings.served_model
    for by, words in (("root", "root trained it"), ("ada", "ada registered it"), ("eve", "eve may not approve")):
        with pytest.raises(Refused, match=words):
            here.approve(name, FRAIL, Approval(by=by, reason="mine"))
    asked = ask_for(here, FRAIL)
    here.repository.approve(name, FRAIL, Approval(by="ada", reason="mine"))
    report = here.reconcile(wait_s=120)[1]
    assert (report.state, report.serving) == ("waiting", FIRST)
    assert "ada registered it" in report.reason
    here.repository.revert(asked.id, by="bob")
    wanted = Wanted(model=name, version=FRAIL, replicas=1, canary=CANARY)
    here.repository.want("production", wanted, by="grace")
    here.approve(name, FRAIL, GRACE)
    assert "grace asked for it" in here.reconcile(wait_s=120)[1].reason
    assert stages(settings)[FRAIL] == "Staging"


def test_a_killed_reconciler_is_followed_by_one_that_takes_the_bad_version_back(here, settings):
    """Killed in the middle of the canary: clients are answered on, and the next one ends it. Only the version on trial
    refused anybody."""
    here.approve(settings.served_model, FRAIL, GRACE)
    wanted = Wanted(model=settings.served_model, version=FRAIL, replicas=1, canary=CANARY)
    here.repository.want("production", wanted.model_copy(update={"replicas": 2}), by="ada")
    command = ["-m", "lib", "gitops", "reconcile", "--root", str(settings.root)]
    environment = {"MLOPS_APPROVERS": json.dumps(sorted(settings.approvers))}
    with pytest.MonkeyPatch.context() as patch, clients(here) as sending:
        patch.setenv(*environment.popitem())
        (settings.root / "reconciler").mkdir()
        with process(command, settings.root / "reconciler") as child:
            wait(lambda: here.cluster.look("production").spec.shares.get(FRAIL) in (0.2, 0.5), 120)
            with pytest.raises(DeliveryError, match="another deploy is at work"):
                here.reconcile()
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        so_far = len(sending.answered)
        wait(lambda: len(sending.answered) > so_far + 20)
        assert here.status("production").state == "rolling out"
        shares = here.cluster.look("production").spec.shares
        stands = without_registry(settings).reconcile()[1]
        assert (stands.state, here.cluster.look("production").spec.shares) == ("rolling out", shares)
        assert "stands still" in stands.reason
        sending.stopped.set()
    assert sending.wrong == []
    with clients(here, FAR) as sending:
        report = here.reconcile(wait_s=120)[1]
        sending.stopped.set()
    assert (report.state, report.serving) == ("rolled back", FIRST)
    assert "and refused" in report.reason
    assert sending.wrong
    assert all(
        "422" in sent.wrong and b"version 3 cannot take these rows".decode() in sent.wrong for sent in sending.wrong
    )
    assert stages(settings) == {FIRST: "Production", BETTER: "Archived", FRAIL: "Staging"}
    assert main(["gitops", "status", "--root", str(settings.root)]) == 0


@pytest.mark.parametrize(
    ("model", "version", "words"),
    [
        ("house-price-predictor", 99, "no version 99"),
        ("house-price-predictor", LOST, "version 4 of house-price-predictor"),
        ("boat-price-predictor", 1, "the cluster serves house-price-predictor"),
    ],
)
def test_a_version_that_is_not_there_changes_nothing(here, settings, model, version, words):
    """Unknown to the registry, or its files have vanished: refused before anything starts, and the reason is kept."""
    if version == LOST:
        with open_stores(settings) as stores:
            shutil.rmtree(model_folder(stores.location(settings.served_model, LOST)))
    before = here.cluster.look("staging").spec
    here.repository.want("staging", Wanted(model=model, version=version), by="ada")
    report = here.reconcile(wait_s=120)[0]
    assert report.state == "refused"
    assert words in report.reason
    assert here.cluster.look("staging").spec == before
    assert here.reconcile()[0] == report
    assert here.records.read("staging").reason == report.reason


def test_a_registry_out_of_reach_is_waited_for(here, settings):
    """Nobody can say whether the version may go on, so it waits, and goes on when somebody can."""
    wanted = Wanted(model=settings.served_model, version=FIRST, replicas=2)
    here.repository.want("staging", wanted, by="ada")
    report = without_registry(settings).reconcile(wait_s=120)[0]
    assert report.state == "waiting"
    assert "the ledger sqlite:////dev/null/registry.db cannot be used" in report.reason
    assert here.reconcile(wait_s=120)[0].state == "in place"
    assert here.cluster.look("staging").spec.replicas == {FIRST: 2}


def test_commands_say_what_there_is(here, settings, monkeypatch, capsys):
    """Each prints what it found; an approval that would not hold is refused with exit code 1."""
    monkeypatch.setenv("MLOPS_APPROVERS", json.dumps(sorted(settings.approvers)))
    at = ["--root", str(settings.root)]

    def said(*words):
        return main([*words, *at]), capsys.readouterr()

    code, text = said("gitops", "history")
    assert code == 0
    assert " production " in text.out
    assert "rolled back: of " in text.out
    code, text = said("gitops", "render", "kubernetes")
    assert (code, [each["kind"] for each in yaml.safe_load_all(text.out)]) == (0, ["Deployment", "Service", "Ingress"])
    code, text = said("gitops", "render", "compose")
    assert (code, set(yaml.safe_load(text.out)["services"])) == (0, {"v1", "proxy"})
    code, text = said("gitops", "approve", "3", "--by", "ada", "--reason", "mine")
    assert (code, text.out) == (1, "")
    assert "ada registered it" in text.err
    code, text = said("gitops", "approve", "4", "--by", "grace", "--reason", "fine")
    assert (code, "grace: approve version 4" in text.out) == (0, True)


def test_watching_says_what_changes_and_goes_on(here):
    """What stands is said once; it ends when it is told to."""
    said, stop = [], threading.Event()

    def say(text):
        said.append(text)
        if len(said) == 2:
            stop.set()

    here.watch(say=say, every_s=0.01, stop=stop)
    assert [text.partition(":")[0] for text in said] == ["staging", "production"]


def test_a_killed_cluster_comes_back_as_it_was(here, settings, capsys):
    """Same addresses, same versions, through the other proxy; and no second one beside it."""
    with pytest.raises(DeliveryError, match="another cluster runs in"):
        run_cluster(cluster_folder(settings), settings=settings)
    before = here.cluster.look("production")
    address = json.loads((cluster_folder(settings) / "cluster.json").read_text())
    os.kill(address["process"], signal.SIGKILL)
    with pytest.raises(DeliveryError, match=r"no cluster answers in .*python -m lib cluster run"):
        wait(lambda: here.reconcile() is None)
    with running_cluster(settings, "--proxy", "embedded"):
        wait(lambda: here.cluster.look("production").settled, 120)
        now = here.cluster.look("production")
        assert (now.url, now.spec) == (before.url, before.spec)
        answer = requests.post(
            f"{now.url}/predict", data=ORDINARY[0], headers={"content-type": "application/json"}, timeout=30
        )
        assert answer.json()["model_version"] == FIRST
        (replica,) = now.of(FIRST).addresses
        assert main(["cluster", "status", "--root", str(settings.root)]) == 0
        assert "production at" in capsys.readouterr().out
        kill_server_at(replica)
        wait(lambda: here.cluster.look("production").of(FIRST).addresses not in ((), (replica,)), 60)
        assert here.cluster.look("production").of(FIRST).ended == 1


def test_the_ledger_follows_when_a_release_that_it_knew_of_is_taken_back(here, settings, tmp_path, monkeypatch):
    """Killed right after the promotion, and the version breaks meanwhile: cluster and ledger go back together."""
    name = settings.served_model

    def ask_for_tiny(version):
        wanted = Wanted(model=name, version=version, replicas=1)
        world.git.want("production", wanted, by="ada", expected=tiny_answers())
        return world.reconcile(stages=here.stages)[1]

    def write(self, rollout, write=Records.write):
        if rollout.recorded:
            raise Killed
        return write(self, rollout)

    with servers(FIRST, BETTER, WRONG) as running:
        world = World(WantedRepository.create(tmp_path / "wanted"), InstantCluster(running), tmp_path / "state")
        assert ask_for_tiny(FIRST).state == "in place"
        with monkeypatch.context() as patch:
            patch.setattr(Records, "write", write)
            with pytest.raises(Killed):
                ask_for_tiny(BETTER)
        assert stages(settings)[BETTER] == "Production"
        running[BETTER] = running[WRONG]
        report = world.reconcile(stages=here.stages)[1]
    assert (report.state, report.serving) == ("rolled back", FIRST)
    assert stages(settings)[FIRST] == "Production"
    last = history(name, settings=settings)[-1]
    assert (last.kind, last.by) == ("rollback", "reconciler")
    assert "version 6 answers" in last.reason


def kill_server_at(address):
    """Kill the process that listens there."""
    import psutil

    port = int(address.rpartition(":")[2])
    (pid,) = {each.pid for each in psutil.net_connections("tcp") if each.status == "LISTEN" and each.laddr.port == port}
    os.kill(pid, signal.SIGKILL)
