"""`make deliver`: the whole road on one machine, under clients: a release, a bad one that is taken back, a revert.

Real are the processes, the proxy, the git repository, the registry, the pipeline under DVC and the clients' requests.
Simulated are the market and the people: this account plays whoever trains, and the one who approves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

import lib
from lib.delivery.canary import requests_needed
from lib.delivery.deployment import Deployment, open_deployment
from lib.delivery.feed import ensure_sales
from lib.delivery.pipeline import DATA, run_pipeline
from lib.delivery.reconcile import Report
from lib.delivery.release_steps import ProductionOptions
from lib.delivery.smoke import Expected, golden_prices
from lib.delivery.steps import (
    KNOWN,
    EvaluationOptions,
    TrainingOptions,
    ValidationOptions,
    evaluate,
    register_candidate,
    train,
    validate_data,
)
from lib.delivery.wanted import Canary, CanaryStep, Wanted
from lib.delivery.wanted_repository import Commit, wanted_file
from lib.errors import DeliveryError, LibError, Refused
from lib.market import FEATURES, PRICE
from lib.registry import Approval, Safeguards, history
from lib.registry.safeguards import NONE
from lib.serving.proxy import Kind
from lib.serving.traffic import Traffic, traffic
from lib.settings import Settings, absolute_variables
from lib.tracking import track
from lib.tracking.training import Division, read_table
from lib.versioning import versions
from lib.workspace import open_workspace

APPROVER, TRAINER = "rita", "ada"
FIRST_DAYS, LATER_DAYS, ROWS_A_DAY = 400, 500, 5
RATE, LONGEST_S = 40, 3_600
# As many as it takes to see, with 95 %, that a version fails 2 % of its requests.
_NEEDED = requests_needed(0.02)
CANARY = Canary(steps=(CanaryStep(share=0.3, requests=_NEEDED), CanaryStep(share=0.6, requests=_NEEDED)))
SLOW_PARTS = 300  # linear models whose mean is the answer: no better, and many times slower
_UP_S, _WAIT_S = 120.0, 600.0
_LINE = 200


@dataclass(frozen=True)
class Chapter:
    """One part of the story: how long it took, how production stood at its end, and whether it was to end so."""

    name: str
    seconds: float
    good: bool
    found: str

    def __str__(self) -> str:
        return f"{'good' if self.good else 'NOT GOOD':9}{self.seconds:6.1f} s  {self.name}: {self.found}"


@dataclass(frozen=True)
class Delivered:
    """The whole story, and what clients saw of it."""

    chapters: tuple[Chapter, ...]
    answered: int
    failed: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether every chapter ended as it should, and no request failed."""
        return all(chapter.good for chapter in self.chapters) and bool(self.answered) and not self.failed

    def __str__(self) -> str:
        failed = f"{len(self.failed)} failed{': ' + self.failed[0] if self.failed else ''}"
        return "\n".join([*map(str, self.chapters), f"{self.answered} requests of clients meanwhile, {failed}"])


def run_delivery(
    root: Path,
    *,
    proxy: Kind | None = None,
    say: Callable[[str], None],
    equip: Callable[[Settings], Safeguards] = lambda _settings: NONE,
) -> Delivered:
    """Everything afresh in the workspace `root`; returns what happened. Raises what the preparation raises."""
    root = open_workspace(root, fresh=True)
    os.environ["MLOPS_APPROVERS"] = json.dumps([APPROVER])  # for the pipeline's steps, too: they are processes
    begun, settings = time.monotonic(), Settings(root=root)
    os.environ |= absolute_variables(settings)  # likewise
    story = _Story(settings, equip(settings), lambda text: say(f"{time.monotonic() - begun:6.1f} s  {text}"))
    with _cluster(story.deployment, proxy):
        if not story.tell(story.first_version):
            return Delivered(tuple(story.chapters), 0, ())
        with story.clients() as sending:
            all(story.tell(chapter) for chapter in (story.better_version, story.slow_version, story.reverts))
            sending.stopped.set()
    for line in history(story.model, settings=story.settings):
        story.say(f"ledger  {line}")
    wrong = tuple(str(sent.wrong) for sent in sending.wrong)
    return Delivered(tuple(story.chapters), len(sending.answered), wrong)


class _Story:
    """The chapters; each returns how production stands then, and the version and state that it was to end with."""

    def __init__(self, settings: Settings, safeguards: Safeguards, say: Callable[[str], None]) -> None:
        self.settings, self.say, self.model = settings, say, settings.served_model
        self.safeguards = safeguards
        self.deployment, self.chapters = open_deployment(settings, safeguards), list[Chapter]()
        self._sales = settings.root / DATA
        self._data = ""
        self._releases: list[Commit] = []

    def tell(self, chapter: Callable[[], tuple[Report, int, str]]) -> bool:
        """Run a chapter and keep how it ended; returns whether the next one can stand on it."""
        name = " ".join(chapter.__name__.split("_"))
        self.say(f"— {name}: {chapter.__doc__}")
        begun = time.monotonic()
        try:
            report, version, state = chapter()
            good, found = (report.serving, report.state) == (version, state), str(report)
        except LibError as error:
            good, found = False, str(error)
        self.chapters.append(Chapter(name, time.monotonic() - begun, good, found))
        return good

    def first_version(self) -> tuple[Report, int, str]:
        """A weak model from the first sales, with nobody to compare it with."""
        ensure_sales(self._sales, days=FIRST_DAYS, rows_a_day=ROWS_A_DAY, say=self.say)
        validated = validate_data(self._sales, ValidationOptions(), self.settings)
        self._data = validated.data
        run = train(validated, TrainingOptions(trees=3, min_leaf=60), self.settings)
        won = evaluate(run, EvaluationOptions(), self.settings, self.safeguards)
        first = register_candidate(won, self.settings, self.safeguards)
        return self._release(first.version, first.expected), first.version, "in place"

    def better_version(self) -> tuple[Report, int, str]:
        """More sales: the pipeline stops for an approval, and goes on there when it is started again."""
        ensure_sales(self._sales, days=LATER_DAYS, rows_a_day=ROWS_A_DAY, say=self.say)
        options = ProductionOptions(replicas=1, canary=CANARY, wait_s=_WAIT_S)
        params = {"train": {"trees": 20}, "deploy_production": options.model_dump(mode="json")}
        (self.settings.root / "params.yaml").write_text(yaml.safe_dump(params))
        with suppress(Refused):
            run_pipeline(self.settings.root, say=self._say_dvc)
        self._approve(self._newest())
        run_pipeline(self.settings.root, say=self._say_dvc)
        self._note_release()
        return self.deployment.status("production"), self._newest(), "in place"

    def slow_version(self) -> tuple[Report, int, str]:
        """No smoke test minds it, but its clients would: the canary takes it back."""
        before, version = self._newest(), self._register_slow()
        rows = read_table(self._sales).dropna(subset=[PRICE]).head(8)
        inputs = json.loads(rows[list(FEATURES)].to_json(orient="records"))
        # Real prices, widely: the answers of another version would block every model that differs.
        expected = Expected(golden=golden_prices(inputs, rows[PRICE].tolist(), share=0.9), latency_p95_ms=3_000)
        return self._release(version, expected), before, "rolled back"

    def reverts(self) -> tuple[Report, int, str]:
        """`git revert` of the two last releases: nothing is trained, approved or tried out, production goes back."""
        for commit in reversed(self._releases[1:]):
            self.say(f"git revert {commit.id[:8]}: {self.deployment.repository.revert(commit.id, by=TRAINER)}")
        return self._reconcile(), 1, "in place"

    @contextmanager
    def clients(self) -> Iterator[Traffic]:
        """Requests at a constant rate, whatever the answers do."""
        url = self.deployment.cluster.look("production").url
        rows = read_table(self._sales)[list(FEATURES)].tail(200)
        bodies = [json.dumps(row).encode() for row in json.loads(rows.to_json(orient="records"))]
        with traffic(f"{url}/predict", bodies, [number / RATE for number in range(RATE * LONGEST_S)]) as sending:
            yield sending

    def _say_dvc(self, line: str) -> None:
        """What the steps say, and not what DVC says about its own files."""
        if line.strip() and not line.startswith((">", "Updating", "Generating", "To ", "Use ", "\t")):
            self.say(line if len(line) < _LINE else f"{line[:_LINE]} …")

    def _release(self, version: int, expected: Expected) -> Report:
        wanted = Wanted(model=self.model, version=version, replicas=1, canary=CANARY)
        self.deployment.repository.want("staging", wanted, by=TRAINER, expected=expected)
        self.deployment.repository.want("production", wanted, by=TRAINER)
        self.say(str(self.deployment.reconcile(wait_s=_WAIT_S, say=self.say)[0]))  # staging: it is approved after that
        self._approve(version)
        self._note_release()
        return self._reconcile()

    def _approve(self, version: int) -> None:
        approval = Approval(by=APPROVER, reason="looked at its evaluation and at what it answers")
        self.say(str(self.deployment.approve(self.model, version, approval)))

    def _reconcile(self) -> Report:
        """How production stands when there is nothing more to do; it is looked at again once staging is done."""
        production = self.deployment.reconcile(wait_s=_WAIT_S, say=self.say)[1]
        if production.state == "waiting":
            production = self.deployment.reconcile(wait_s=_WAIT_S, say=self.say)[1]
        self.say(str(production))
        return production

    def _note_release(self) -> None:
        repository = self.deployment.repository
        commit = repository.last(wanted_file("production"), at=repository.head())
        self._releases += [] if commit is None else [commit]

    def _newest(self) -> int:
        return max(line.version for line in history(self.model, settings=self.settings))

    def _register_slow(self) -> int:
        from sklearn.ensemble import BaggingRegressor
        from sklearn.linear_model import Ridge

        data = next(each for each in versions(self.settings.root) if each.name == self._data)
        model = BaggingRegressor(Ridge(), n_estimators=SLOW_PARTS, random_state=0)
        run = track(model, data, division=Division(time=KNOWN, known=None), settings=self.settings)
        return self.safeguards.register(run.run_id, self.model, by=TRAINER, settings=self.settings).version


@contextmanager
def _cluster(deployment: Deployment, proxy: Kind | None) -> Iterator[None]:
    """The cluster as a process of its own, which ends with this one, in whatever way that ends."""
    home, root = Path(lib.__file__).parents[1], deployment.settings.root
    options = [] if proxy is None else ["--proxy", proxy]
    with (root / "cluster.log").open("w") as log, subprocess.Popen(
        [sys.executable, "-m", "lib", "cluster", "run", "--attached", "--root", str(root), *options],
        cwd=home, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
    ) as child:  # fmt: skip
        try:
            _await_cluster(deployment, child, root / "cluster.log")
            yield
        finally:
            if child.stdin is not None:
                child.stdin.close()


def _await_cluster(deployment: Deployment, child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _UP_S
    while True:
        with suppress(DeliveryError):
            deployment.cluster.look("production")
            return
        if child.poll() is not None or time.monotonic() > deadline:
            raise DeliveryError(f"the cluster did not come up: {log.read_text()[-500:] or 'it said nothing'}")
        time.sleep(0.1)
