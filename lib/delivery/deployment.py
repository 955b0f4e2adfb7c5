"""Where deployment lies under a root: the git repository, the cluster, and how each environment stands."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lib.delivery.cluster_client import ClusterClient
from lib.delivery.reconcile import Report, reconcile, status
from lib.delivery.rollout_record import Records
from lib.delivery.stages import RegistryStages
from lib.delivery.wanted import Environment
from lib.delivery.wanted_repository import Commit, WantedRepository
from lib.errors import DeliveryError, Refused
from lib.registry import Approval, Safeguards
from lib.registry.safeguards import NONE
from lib.settings import Settings

_POLL_S = 0.2


@dataclass(frozen=True)
class Deployment:
    """The parts that belong together, all under `settings.deployment_folder`."""

    settings: Settings
    repository: WantedRepository
    cluster: ClusterClient
    records: Records
    stages: RegistryStages

    def reconcile(
        self, *, wait_s: float = 0.0, again: bool = False, say: Callable[[str], None] = lambda _text: None
    ) -> tuple[Report, ...]:
        """Bring both environments to what is committed; see `lib.delivery.reconcile`."""
        return reconcile(
            self.repository, self.cluster, folder=self.records.folder, stages=self.stages, wait_s=wait_s, again=again,
            say=say,
        )  # fmt: skip

    def status(self, environment: Environment) -> Report:
        """How the environment stands; nothing is changed."""
        return status(self.repository, self.cluster, self.records, environment)

    def approve(self, model: str, version: int, approval: Approval) -> Commit:
        """Commit the approval of a version; raises Refused when it would not hold, UnknownVersion."""
        barred = self.stages.barred("production", model, version)
        why = barred or self.stages.refusal(model, version, approval)
        if why is not None:
            raise Refused(f"version {version} of {model} is not approved: {why}")
        return self.repository.approve(model, version, approval)

    def watch(self, *, say: Callable[[str], None], every_s: float = 1.0, stop: threading.Event | None = None) -> None:
        """Reconcile until `stop` is set, and say what has changed; what cannot be reached now is tried again."""
        stop = stop or threading.Event()
        said: list[str] = []
        while not stop.is_set():
            try:
                found = [str(report) for report in self.reconcile(say=say)]
            except DeliveryError as error:
                found = [str(error)]
            for text in found:
                if text not in said:
                    say(text)
            said = found
            stop.wait(every_s)

    def bring(self, environment: Environment, *, wait_s: float, say: Callable[[str], None]) -> Report:
        """Reconcile until the environment is what its commit asks.

        Raises DeliveryError with the reason when it ends otherwise, Refused when somebody has to do something first.
        """
        deadline = time.monotonic() + wait_s
        while True:
            reports = self.reconcile(wait_s=max(0.0, deadline - time.monotonic()), say=say)
            report = next(each for each in reports if each.environment == environment)
            if report.state == "in place":
                return report
            if report.state in ("waiting", "nothing wanted"):
                raise Refused(f"{environment} waits: {report.reason}")
            if report.state in ("refused", "rolled back"):
                raise DeliveryError(
                    f"{environment} was {report.state}: {report.reason}. Commit {report.commit[:8]} is not tried again."
                )
            if time.monotonic() > deadline:
                raise DeliveryError(
                    f"{environment} is not there after {wait_s:g} s: {report.reason}. It stays as it is; start again, "
                    "and it goes on."
                )
            time.sleep(_POLL_S)


def open_deployment(settings: Settings, safeguards: Safeguards = NONE) -> Deployment:
    """The deployment of `settings`, with its repository made where there is none; versions pass `safeguards`."""
    folder = settings.deployment_folder
    folder.mkdir(parents=True, exist_ok=True)
    ignored = folder / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n")  # a workspace around it is a repository of its own
    return Deployment(
        settings=settings,
        repository=WantedRepository.create(folder / "wanted"),
        cluster=ClusterClient(cluster_folder(settings)),
        records=Records(folder / "rollouts"),
        stages=RegistryStages(settings, safeguards),
    )


def cluster_folder(settings: Settings) -> Path:
    """Where the cluster keeps what it was told."""
    return settings.deployment_folder / "cluster"
