"""The steps from a registered candidate to production, each by a commit that says what is wanted and a reconciler."""

from __future__ import annotations

import getpass
import sys

from pydantic import Field

from lib.delivery.deployment import open_deployment
from lib.delivery.smoke import Expected, smoke
from lib.delivery.step import Options, Output
from lib.delivery.steps import Registered
from lib.delivery.wanted import Canary, Wanted
from lib.errors import DeliveryError, Refused
from lib.registry import Safeguards
from lib.registry.ledger import open_ledger
from lib.registry.safeguards import NONE
from lib.settings import Settings


class StagingOptions(Options):
    """How many replicas staging runs, and how long they may take to be there."""

    replicas: int = Field(default=1, ge=1)
    wait_s: float = Field(default=300.0, gt=0)


class ProductionOptions(Options):
    """How many replicas production runs, how clients get to the new version, and how long all of that may take."""

    replicas: int = Field(default=2, ge=1)
    canary: Canary = Canary()
    wait_s: float = Field(default=3600.0, gt=0)


class Staged(Output):
    """A version that serves staging."""

    model: str
    version: int
    expected: Expected


class Smoked(Output):
    """What staging was asked at the address where clients would ask it, and how it did."""

    model: str
    version: int
    checks: dict[str, str]
    expected: Expected


class Approved(Output):
    """Who answers for the version, and why."""

    model: str
    version: int
    by: str
    reason: str
    expected: Expected


class Released(Output):
    """A version that has all of production's requests, and the one that had them before."""

    model: str
    version: int
    replaced: int | None
    expected: Expected


class Verified(Output):
    """What was found when all was over: cluster, registry and git say the same version, and it answers as it should."""

    model: str
    version: int
    replaced: int | None
    checks: dict[str, str]


class Done(Output):
    """A release: the version, who approved it, and how to take it back."""

    model: str
    version: int
    approved_by: str
    replaced: int | None
    take_back: str


def deploy_staging(
    registered: Registered, options: StagingOptions, settings: Settings, safeguards: Safeguards = NONE
) -> Staged:
    """Commit the candidate as what is wanted of staging, and bring staging to it; raises DeliveryError with why not."""
    deployment = open_deployment(settings, safeguards)
    wanted = Wanted(
        model=registered.model, version=registered.version, replicas=options.replicas, canary=Canary(steps=())
    )
    deployment.repository.want("staging", wanted, by=getpass.getuser(), expected=registered.expected)
    deployment.bring("staging", wait_s=options.wait_s, say=_say)
    return Staged(model=registered.model, version=registered.version, expected=registered.expected)


def smoke_staging(staged: Staged, settings: Settings) -> Smoked:
    """Ask staging at its address; raises DeliveryError unless it is this version that answers, and rightly."""
    url = open_deployment(settings).cluster.look("staging").url
    return Smoked(
        model=staged.model, version=staged.version, checks=_ask(url, staged.expected), expected=staged.expected
    )


def approve(smoked: Smoked, settings: Settings, safeguards: Safeguards = NONE) -> Approved:
    """Whoever may has to approve the version; until somebody has, raises Refused with the command to give.

    Raises Refused for a version that breaks what `safeguards` ask of a release, whoever has approved it.
    """
    deployment, version = open_deployment(settings, safeguards), smoked.version
    repository = deployment.repository
    approval = repository.approval(smoked.model, version, at=repository.head())
    barred = deployment.stages.barred("production", smoked.model, version)
    if barred is not None:
        raise Refused(f"version {version} of {smoked.model} may not be released: {barred} Then run the pipeline again.")
    why = deployment.stages.refusal(smoked.model, version, approval)
    if approval is None or why is not None:
        raise Refused(
            f"version {version} of {smoked.model} answers rightly in staging and waits for approval: {why} Whoever may "
            f"approves it by `python -m lib gitops approve {version} --by NAME --reason WHY --root "
            f"{settings.root.absolute()}`; then run the pipeline again."
        )
    return Approved(
        model=smoked.model, version=version, by=approval.by, reason=approval.reason, expected=smoked.expected
    )


def deploy_production(
    approved: Approved, options: ProductionOptions, settings: Settings, safeguards: Safeguards = NONE
) -> Released:
    """Commit the version as what is wanted of production, and bring production to it, by canary.

    Raises DeliveryError with the reason when it was rolled back; production serves what it served before then.
    """
    deployment = open_deployment(settings, safeguards)
    before = deployment.records.read("production").good
    wanted = Wanted(model=approved.model, version=approved.version, replicas=options.replicas, canary=options.canary)
    deployment.repository.want("production", wanted, by=getpass.getuser())
    deployment.bring("production", wait_s=options.wait_s, say=_say)
    replaced = None if before is None or before.version == approved.version else before.version
    return Released(model=approved.model, version=approved.version, replaced=replaced, expected=approved.expected)


def verify(released: Released, settings: Settings) -> Verified:
    """Ask production at its address, and the registry who its champion is; raises DeliveryError unless all agree."""
    deployment = open_deployment(settings)
    head = open_ledger(settings).head(released.model)
    running = deployment.cluster.look("production")
    report = deployment.status("production")
    champion = None if head is None else head.champion
    if {champion, running.serving, report.wanted} != {released.version} or report.drift:
        raise DeliveryError(
            f"version {released.version} was released, and now git wants {report.wanted}, the cluster serves "
            f"{running.serving} and the registry's champion is {champion}. See python -m lib gitops status."
        )
    return Verified(
        model=released.model, version=released.version, replaced=released.replaced,
        checks=_ask(running.url, released.expected),
    )  # fmt: skip


def done(verified: Verified, approved: Approved, settings: Settings) -> Done:
    """Say what was released, and the command that takes it back."""
    repository = open_deployment(settings).repository
    commit = repository.last("production.yaml", at=repository.head())
    return Done(
        model=verified.model, version=verified.version, approved_by=approved.by, replaced=verified.replaced,
        take_back=f"git revert {commit.id if commit else ''}",
    )  # fmt: skip


def _ask(url: str, expected: Expected) -> dict[str, str]:
    """Each check and its outcome: the times that it took are no result."""
    report = smoke(url, expected)
    if not report.passed:
        raise DeliveryError(f"the smoke test at {url} failed: {report.failures}")
    return {check.name: check.outcome for check in report.checks}


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
