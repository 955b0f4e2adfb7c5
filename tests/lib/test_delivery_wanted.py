"""What is wanted stands in git: typed, committed, approved by whoever says so themselves."""

from __future__ import annotations

import pytest

from lib.delivery.smoke import Expected, Golden
from lib.delivery.wanted import Canary, CanaryStep, Wanted, read_wanted
from lib.delivery.wanted_repository import WantedRepository
from lib.errors import DeliveryError
from lib.registry import Approval

ONE, TWO = Wanted(model="m", version=1), Wanted(model="m", version=2)
EXPECTED = Expected(golden=(Golden(row={"a": 1}, low=0, high=1), Golden(row={"a": 2}, low=1, high=2)))


@pytest.fixture
def git(tmp_path):
    return WantedRepository.create(tmp_path / "wanted")


def test_what_is_written_is_read():
    """The file that is committed says the same as the object."""
    steps = (CanaryStep(share=0.05, requests=60), CanaryStep(share=0.5, requests=149))
    wanted = Wanted(model="house-price-predictor", version=7, replicas=3, canary=Canary(steps=steps, failures=0.0))
    assert read_wanted(wanted.as_yaml(), what="production.yaml") == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model: m\nversion: [3", r"production.yaml is no YAML: .*line 2"),
        ("<<<<<<< HEAD\nversion: 3\n", r"production.yaml is no YAML"),
        ("model: m\nversion: 3\nversion: 4", r"'version' stands there twice .*line 3"),
        (
            "model: m\nverison: 3",
            r"version: Field required; verison: Extra inputs.* It may say model, version, replicas",
        ),
        ("model: m\nversion: '3'", r"version: Input should be a valid integer"),
        ("model: m\nversion: 2026-01-02", r"version: Input should be a valid integer"),
        ("model: m\nversion: yes", r"version: Input should be a valid integer"),
        ("model: m\nversion: 3\nreplicas: 0", r"replicas: Input should be greater than or equal to 1"),
        ("model: ../m\nversion: 3", r"model: String should match"),
        ("- 3", r"it: Input should be an object"),
        ("", r"it: Input should be an object"),
        (
            "{model: m, version: 3, canary: {steps: [{share: .5, requests: 9}, {share: .1, requests: 9}]}}",
            "do not grow",
        ),
        (
            "{model: m, version: 3, canary: {steps: [{share: 1.0, requests: 9}]}}",
            r"canary.steps.0.share: .* less than 1",
        ),
    ],
)
def test_what_nobody_can_mean_is_named(text, words):
    """The file, and the line or the field."""
    with pytest.raises(DeliveryError, match=words):
        read_wanted(text, what="production.yaml")


def test_only_what_is_committed_is_wanted(git):
    """An edited file changes nothing; the commit that changed a file last is found; the same again is no commit."""
    first = git.want("production", ONE, by="ada")
    (git.path / "production.yaml").write_text(TWO.as_yaml())
    assert read_wanted(git.read("production.yaml", at=git.head()), what="it") == ONE
    (git.path / "production.yaml").write_text(ONE.as_yaml())
    git.want("staging", TWO, by="bob", expected=EXPECTED)
    assert git.last("production.yaml", at=git.head()) == first
    head = git.head()
    assert (first.author, git.want("staging", TWO, by="bob").id) == ("ada", head)
    assert git.head() == head
    assert git.expected(TWO, at=head) == EXPECTED
    with pytest.raises(DeliveryError, match=r"nothing says what version 1 of m must answer. Commit expected/m-1.json"):
        git.expected(ONE, at=head)
    git.commit({"expected/m-1.json": "{"}, by="bob", message="half")
    with pytest.raises(DeliveryError, match=r"expected/m-1.json cannot be read"):
        git.expected(ONE, at=git.head())


def test_revert_of_an_older_commit_and_of_one_that_others_stand_on(git):
    """The file is as it was; where later commits changed the same lines nothing is left half done."""
    one = git.want("production", ONE, by="ada")
    two = git.want("production", TWO, by="ada")
    git.want("staging", TWO, by="ada")
    reverted = git.revert(two.id, by="bob")
    assert (reverted.author, reverted.subject) == ("bob", 'Revert "production: version 2 of m"')
    assert read_wanted(git.read("production.yaml", at=git.head()), what="it") == ONE
    assert git.last("production.yaml", at=git.head()) == reverted
    git.want("production", Wanted(model="m", version=3), by="ada")
    head = git.head()
    with pytest.raises(DeliveryError, match="git revert"):
        git.revert(two.id, by="bob")
    assert git.head() == head
    assert git.want("production", TWO, by="ada").author == "ada"
    assert one.id != head


def test_approval_counts_when_its_author_committed_it(git):
    """Nobody writes another's name under a release."""
    assert git.approval("m", 2, at=git.head()) is None
    signed = Approval(by="rita", reason="looked at staging")
    git.approve("m", 2, signed)
    assert git.approval("m", 2, at=git.head()) == signed
    git.commit({"approvals/m-3.yaml": "by: rita\nreason: fine\n"}, by="ada", message="quick")
    with pytest.raises(DeliveryError, match=r"names rita, and it was committed by ada"):
        git.approval("m", 3, at=git.head())


def test_a_folder_without_a_repository_is_named(tmp_path):
    """Whether it is missing or is no repository."""
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DeliveryError, match=str(folder)):
            WantedRepository(folder).head()
