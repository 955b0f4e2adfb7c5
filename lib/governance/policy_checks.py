"""What a rule of the policy may check: each a small model of its options, and how it looks at a version."""

from __future__ import annotations

import abc
import re
import sysconfig
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distributions
from types import MappingProxyType

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import BaseModel, ConfigDict, Field

from lib.governance.cards import card_complete
from lib.governance.cost_prices import read_prices
from lib.governance.membership import tells_few_members
from lib.governance.privacy_gate import no_personal_data
from lib.governance.provenance import signed
from lib.governance.signing_keys import read_public_key
from lib.registry import Contender, Evidence, find_version, history
from lib.tracking.read import model_folder

_LICENCE = "License :: "
_CORES = re.compile(r"(\d+) cores?$")


class Check(BaseModel, abc.ABC):
    """The options of a check, nothing else; `look_at` is a gate of the registry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abc.abstractmethod
    def look_at(self, candidate: Contender, champion: Contender | None) -> Evidence:
        """What is found about a version."""


class SignedModel(Check):
    """One of `settings.signers` has signed it as this very version."""

    def look_at(self, candidate: Contender, champion: Contender | None) -> Evidence:
        """Signers are read at the moment of the question: one may have been taken off the list."""
        keys = [read_public_key(path) for path in sorted(candidate.stores.settings.signers)]
        if not keys:
            return Evidence(id="signed", passed=False, reason="nobody is named as a signer (MLOPS_SIGNERS)")
        return signed(keys)(candidate, champion)


class KnownData(Check):
    """Its run names the data version and its digest, the same as MLflow's own record of the data set."""

    def look_at(self, candidate: Contender, _champion: Contender | None) -> Evidence:
        """From the run's tags and data sets."""
        tags, used = candidate.run["tags"], {each["digest"] for each in candidate.run["datasets"]}
        name, digest = tags.get("data.version"), tags.get("data.digest")
        known = bool(name and digest) and used == {digest}
        reason = f"trained on {name}" if known else "its run does not prove what it was trained on"
        return Evidence(id="known_data", passed=known, measured=name, reason=reason)


class GatesPassed(Check):
    """Each of `gates` has passed in a move of these files, and none has failed since."""

    gates: tuple[str, ...] = Field(min_length=1)

    def look_at(self, candidate: Contender, _champion: Contender | None) -> Evidence:
        """From the ledger, so that whoever promotes cannot leave one out."""
        last: dict[str, bool] = {}
        for line in history(candidate.name, settings=candidate.stores.settings):
            if (line.version, line.digest) == (candidate.version, candidate.digest):
                last |= {each.id: each.passed for each in line.evidence}
        lacking = [gate for gate in self.gates if not last.get(gate)]
        reason = f"not passed: {', '.join(lacking)}" if lacking else f"passed: {', '.join(self.gates)}"
        return Evidence(id="gates_passed", passed=not lacking, threshold=list(self.gates), reason=reason)


class CardComplete(Check):
    """A complete model card was kept."""

    def look_at(self, candidate: Contender, champion: Contender | None) -> Evidence:
        """That of the cards."""
        return card_complete()(candidate, champion)


class NoPersonalData(Check):
    """Nothing personal in inputs, files and artifacts."""

    def look_at(self, candidate: Contender, champion: Contender | None) -> Evidence:
        """That of privacy."""
        return no_personal_data()(candidate, champion)


class FourEyes(Check):
    """It is known who trained it; in Production, somebody who neither trained nor registered it approved it."""

    def look_at(self, candidate: Contender, _champion: Contender | None) -> Evidence:
        """By the ledger; that an approval is asked for is the registry's own rule, whatever a policy says."""
        settings = candidate.stores.settings
        version = find_version(candidate.name, candidate.version, settings=settings)
        own = {version.trainer, version.by}
        entries = [
            line for line in history(candidate.name, settings=settings)
            if line.version == version.version and line.kind == "promote" and line.to_stage == "Production"
        ]  # fmt: skip
        if version.trainer is None:
            reason, passed = "nobody knows who trained it", False
        elif entries:
            approver = entries[-1].approver
            passed = approver is not None and approver not in own
            reason = f"approved by {approver or 'nobody'}; trained and registered by {', '.join(sorted(map(str, own)))}"
        else:
            reason, passed = f"the promotion asks somebody else than {version.trainer} for an approval", True
        return Evidence(id="four_eyes", passed=passed, reason=reason)


class Dependencies(Check):
    """Every package that the model asks for is pinned to one version, and none is forbidden."""

    forbidden: tuple[str, ...] = ()

    def look_at(self, candidate: Contender, _champion: Contender | None) -> Evidence:
        """From the requirements that lie with the model."""
        file = model_folder(candidate.location) / "requirements.txt"
        lines = file.read_text("utf-8").splitlines() if file.is_file() else []
        faults = [fault for line in lines if line.strip() and (fault := self._fault(line.strip()))]
        faults += [] if lines else ["it says nothing of what it needs"]
        reason = "; ".join(faults) or f"{len(lines)} packages, each pinned"
        return Evidence(id="dependencies", passed=not faults, measured=lines, reason=reason)

    def _fault(self, line: str) -> str | None:
        try:
            asked = Requirement(line)
        except InvalidRequirement:
            return f"{line!r} is no requirement"
        if canonicalize_name(asked.name) in map(canonicalize_name, self.forbidden):
            return f"{asked.name} is forbidden"
        pinned = [each for each in asked.specifier if each.operator in ("==", "===") and "*" not in each.version]
        return None if pinned else f"{line} is not pinned"


class Licences(Check):
    """No package that is installed here has a `forbidden` licence (a piece of its name); what says none is listed.

    `looked_up` has the licences of packages whose metadata name none, as a person found them.
    """

    forbidden: tuple[str, ...] = Field(min_length=1)
    looked_up: dict[str, str] = {}

    def look_at(self, _candidate: Contender, _champion: Contender | None) -> Evidence:
        """The same for every version."""
        return self.look()

    def look(self) -> Evidence:
        """By the metadata of what is installed: what a package says of itself."""
        places = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
        looked_up = {canonicalize_name(name): (licence,) for name, licence in self.looked_up.items()}
        found = {
            each.name: tuple(licences(each)) or looked_up.get(canonicalize_name(each.name), ())
            for each in distributions(path=places)
        }
        faults = [
            f"{name}: {licence}"
            for name, names in sorted(found.items()) for licence in names
            if any(piece.lower() in licence.lower() for piece in self.forbidden)
        ]  # fmt: skip
        faults += [f"{name} says no licence" for name, names in sorted(found.items()) if not names]
        reason = "; ".join(faults) or f"{len(found)} packages, none with {', '.join(self.forbidden)}"
        return Evidence(id="licences", passed=not faults, measured=len(found), reason=reason)


class FewMembersTold(Check):
    """Its answers tell its training rows from others with an advantage of at most `most`, of 1."""

    most: float = Field(gt=0, le=1)

    def look_at(self, candidate: Contender, champion: Contender | None) -> Evidence:
        """Measured on the rows of its run; what cannot be measured has not passed."""
        return tells_few_members(most=self.most)(candidate, champion)


class TrainingCost(Check):
    """Training cost at most `most`, in the currency of the declared prices: all cores for as long as the run took."""

    most: float = Field(gt=0)

    def look_at(self, candidate: Contender, _champion: Contender | None) -> Evidence:
        """A bound from above: the run does not say how many of the cores it used."""
        prices, cores = read_prices(), _CORES.search(candidate.run["tags"].get("env.cpu", ""))
        if cores is None or candidate.run["seconds"] is None:
            return Evidence(id="training_cost", passed=False, reason="its run does not say on how many cores, how long")
        cost = int(cores[1]) * candidate.run["seconds"] / 3_600 * prices.core_hour
        reason = f"at most {cost:.2g} {prices.currency} of {self.most:g}"
        return Evidence(id="training_cost", passed=cost <= self.most, measured=cost, threshold=self.most, reason=reason)


def licences(package: Distribution) -> Iterator[str]:
    """What a package says of its licence: the SPDX expression, or else the classifiers, or a short free text."""
    about = package.metadata.json
    expression = about.get("license_expression")
    classifiers = (line for line in about.get("classifier", []) if line.startswith(_LICENCE))
    classified = [line.rpartition(" :: ")[2] for line in classifiers]
    text = str(about.get("license", "")).strip().partition("\n")[0]
    if expression:
        yield str(expression)
    elif classified:
        yield from classified
    elif text and text.upper() != "UNKNOWN":
        yield text


CHECKS: Mapping[str, type[Check]] = MappingProxyType(
    {
        "signed": SignedModel, "known_data": KnownData, "gates_passed": GatesPassed, "card_complete": CardComplete,
        "no_personal_data": NoPersonalData, "four_eyes": FourEyes, "dependencies": Dependencies, "licences": Licences,
        "training_cost": TrainingCost, "few_members_told": FewMembersTold,
    }
)  # fmt: skip
OF_THE_ENVIRONMENT: Mapping[str, type[Licences]] = MappingProxyType({"licences": Licences})
"""Those that need no model."""
