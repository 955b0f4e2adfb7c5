"""The policy and the model card: what a version lacks stops it, and an exception holds until its day and no longer."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sklearn.linear_model import Ridge

from lib.cli import main
from lib.errors import PolicyError, PromotionRefused
from lib.governance.cards import Words, fill_card, keep_card
from lib.governance.policy import DECLARED, Policy, check_version, policy_gates, read_policy
from lib.governance.policy_checks import Licences
from lib.governance.provenance import sign_version
from lib.governance.signing_keys import write_signing_keys
from lib.registry import history, promote, register
from lib.registry.gates import artifact_digest, signature_compatible
from tests.lib.registered import OK, a_run, another, settings_in

NAME = "policed"
GOOD, BARE = 1, 2
CHECKED = (artifact_digest(), signature_compatible())
DAY = date(2026, 3, 1)
EXCEPTION = '[[exceptions]]\nrule = "card"\nmodel = "m"\ngranted_by = "g"\nreason = "because I may"\n'
WORDS = """
owner = "Ada, houses team"
intended_use = "A first price for a house that is newly listed."
out_of_scope = "Loans and taxes: nobody may lose money by it alone."
limitations = "It has seen one country, and years in which prices rose."
people = "A seller may ask too little; an agent looks at every price."
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Version 1 has all that is asked; version 2 is a model with a run that says nothing about itself."""
    folder = tmp_path_factory.mktemp("policy")
    private, public = write_signing_keys(folder / "keys")
    settings = settings_in(folder, signers=frozenset({public}))
    run_id = a_run(settings, Ridge())
    for run in (run_id, another(run_id, settings)):
        register(run, NAME, by="ada", settings=settings)
    promote(NAME, GOOD, to="Staging", by="ada", gates=CHECKED, settings=settings)
    sign_version(NAME, GOOD, by="ada", private_key=private, settings=settings)
    (folder / "words.toml").write_text(WORDS)
    return settings


@pytest.fixture(scope="module")
def policy():
    """Ours, but for the packages of this machine, which have a test of their own."""
    ours = read_policy()
    return ours.model_copy(update={"rules": tuple(rule for rule in ours.rules if rule.check != "licences")})


def found(policy, version, settings, day=DAY):
    return {each.id: each for each in check_version(policy, NAME, version, settings=settings, clock=lambda: day)}


def excepting(policy, **more):
    given = {"rule": "model-card", "model": NAME, "granted_by": "grace", "reason": "the words come later", "until": DAY}
    return Policy.model_validate({"rules": policy.rules, "exceptions": [{**given, **more}]})


def failed(findings):
    return {name for name, each in findings.items() if not each.passed}


def test_bare_version_lacks_everything(settings, policy):
    """Each rule says what it found and why it is there; who trained it and what it needs are known."""
    findings = found(policy, BARE, settings)
    assert failed(findings) == {"signed-model", "known-data", "gates-passed", "model-card", "no-personal-data"}
    assert "is not signed" in findings["no-personal-data"].reason, "and so nobody reads what it holds"
    assert "An unsigned file may be anybody's." in findings["signed-model"].reason
    assert findings["training-cost"].reason.startswith("warning: its run does not say on how many cores")
    assert findings["gates-passed"].reason.startswith("not passed: artifact_digest, signature_compatible.")


def test_card_is_filled_from_the_run_or_refused(settings, policy, capsys):
    """Facts come from run and registry, words from a person; a bare run, or too few words, make no card."""
    at = ["--model", NAME, "--root", str(settings.root)]
    words = settings.root / "words.toml"
    with pytest.raises(PolicyError, match=r"its run lacks the tag data\.version, .*Train it with lib\.tracking\.track"):
        fill_card(NAME, BARE, Words(**dict.fromkeys(Words.model_fields, "what a person says of it")), settings=settings)
    (settings.root / "few.toml").write_text(WORDS.replace("A first price for a house that is newly listed.", "Yes."))
    assert main(["card", "1", "--words", str(settings.root / "few.toml"), *at]) == 1
    assert "intended_use: String should have at least 20 characters" in capsys.readouterr().err
    assert failed(found(policy, GOOD, settings)) == {"model-card"}
    assert main(["card", "1", "--words", str(words), *at]) == 0
    page = capsys.readouterr().out
    for text in ("# policed, version 1", "| test_rmse | ", "A seller may ask too little", "Inputs: a, b.", "Staging"):
        assert text in page
    assert failed(found(policy, GOOD, settings)) == set()
    card = fill_card(NAME, GOOD, Words.model_validate(_words()), settings=settings)
    keep_card(card.model_copy(update={"metrics": {"test_rmse": 0.0}}), settings=settings)
    assert "says what the run does not say" in found(policy, GOOD, settings)["model-card"].reason
    keep_card(card, settings=settings)


def _words():
    import tomllib

    return tomllib.loads(WORDS)


def test_rules_are_gates_of_a_promotion(settings, policy):
    """What the command finds stops the promotion, and stands in the ledger under the rules' names."""
    with pytest.raises(PromotionRefused, match=r"4 of 9 gates failed\. signed-model: .*known-data: "):
        promote(NAME, BARE, to="Staging", by="ada", gates=policy_gates(policy, clock=lambda: DAY), settings=settings)
    moved = promote(
        NAME, GOOD, to="Production", by="ada", approval=OK, gates=policy_gates(policy), settings=settings
    )  # fmt: skip
    assert [each.id for each in moved.evidence] == [rule.id for rule in policy.rules]
    assert history(NAME, settings=settings)[-1].champion == GOOD
    assert "approved by grace" in found(policy, GOOD, settings)["four-eyes"].reason


@pytest.mark.parametrize(("day", "passes"), [(date(2026, 3, 1), True), (date(2026, 3, 2), False)])
def test_exception_ends(settings, policy, day, passes):
    """On its last day it still holds; on the next the rule stops again and says that it has ended."""
    excepted = excepting(policy, version=BARE)
    card = found(excepted, BARE, settings, day)["model-card"]
    assert card.passed is passes
    assert ("an exception by grace until 2026-03-01: the words come later" in card.reason) == passes or not passes
    assert card.reason.endswith("has ended") is not passes


@pytest.mark.parametrize("about", [{"version": GOOD}, {"model": "another"}, {"rule": "known-data"}])
def test_exception_is_for_what_it_names(settings, policy, about):
    """One for another version, model or rule does not help."""
    assert not found(excepting(policy, **about), BARE, settings)["model-card"].passed


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('check = "signed"', 'check = "singed"', "no check is named 'singed'; there are signed, known_data"),
        ("forbidden = []", "forbiden = []", "forbiden"),
        ('severity = "warn"', 'severity = "whine"', "'block' or 'warn'"),
        ("# [[exceptions]]", f"{EXCEPTION}until = 2026-01-01\n#", "an exception is to 'card', which is no rule"),
        ("# [[exceptions]]", f"{EXCEPTION}#", "until: Field required"),
    ],
)  # fmt: skip
def test_broken_policy_is_named(tmp_path, before, after, words):
    """A misspelt check, option or severity, an exception without an end or to nothing: nothing is promoted."""
    file = tmp_path / "policy.toml"
    file.write_text(DECLARED.read_text().replace(before, after))
    with pytest.raises(PolicyError, match=words):
        read_policy(file)


def test_licences_of_what_is_installed():
    """Ours are allowed; the same packages fail when BSD is not, each by name; one that says nothing is named."""
    (rule,) = (rule for rule in read_policy().rules if rule.check == "licences")
    assert Licences.model_validate(rule.options).look().passed
    strict = Licences(forbidden=("BSD",), looked_up={}).look()
    assert not strict.passed
    assert "numpy: BSD" in strict.reason
    assert "huey says no licence" in strict.reason


def test_commands(settings, tmp_path, capsys):
    """Without a version: the packages and the exceptions, one that has ended being an error; with one: all rules."""
    assert main(["policy", "check"]) == 0
    assert "passed  licences" in capsys.readouterr().out
    file = tmp_path / "policy.toml"
    file.write_text(
        DECLARED.read_text() + f'\n[[exceptions]]\nrule = "model-card"\nmodel = "{NAME}"\ngranted_by = "grace"\n'
        'reason = "the words come later"\nuntil = 2020-01-01\n'
    )
    assert main(["policy", "check", "--policy", str(file)]) == 1
    assert "has ended; take it out of the policy" in capsys.readouterr().out
    assert main(["policy", "show", "--policy", str(file)]) == 0
    assert "except policed from model-card" in capsys.readouterr().out
    assert main(["policy", "check", "2", "--model", NAME, "--root", str(settings.root)]) == 1
    assert "FAILED  signed-model" in capsys.readouterr().out
    assert Path(file).exists()
