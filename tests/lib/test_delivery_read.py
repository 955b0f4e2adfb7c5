"""What delivery has left behind, read as JSON."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from lib.delivery.read import read_commits, read_history
from lib.delivery.rollout_record import Records, Rollout
from lib.delivery.wanted import Wanted
from lib.delivery.wanted_repository import WantedRepository
from lib.errors import DeliveryError


@pytest.fixture
def repository(tmp_path: Path) -> WantedRepository:
    """Version 1 and then 2 for production, and a file that is none."""
    repository = WantedRepository.create(tmp_path / "wanted")
    for version in (1, 2):
        repository.want("production", Wanted(model="m", version=version, replicas=version), by="ada")
    repository.commit({"production.yaml": "version: [", "NOTES.md": "oops"}, by="kim", message="typo")
    return repository


def test_commits_say_what_they_asked_for(repository):
    """Oldest first, as JSON; None where nothing, or nothing that can be read, was asked."""
    found = read_commits(str(repository.path))
    assert [(each["author"], each["version"], each["replicas"]) for each in found] == [
        ("workbook", None, None), ("ada", 1, 1), ("ada", 2, 2), ("kim", None, None),
    ]  # fmt: skip
    assert json.loads(json.dumps(found)) == found
    assert found[-1]["id"] == repository.head()
    assert {each["version"] for each in read_commits(str(repository.path), "staging")} == {None}


def test_a_commit_is_asked_once_and_a_new_head_is_seen(repository):
    """What git said of a commit is remembered; what `main` points at is not."""
    before = repository.head()
    first = repository.read("NOTES.md", at=before)
    subprocess.run(["git", "-c", "user.name=kim", "-c", "user.email=k@k", "revert", "--no-edit", before],
                   cwd=repository.path, check=True, capture_output=True)  # fmt: skip
    assert (first, repository.read("NOTES.md", at=before)) == ("oops", "oops")
    assert repository.read("NOTES.md", at=repository.head()) is None
    assert read_commits(str(repository.path))[-1]["version"] == 2


def test_history_is_what_the_reconciler_wrote(tmp_path):
    """And empty where it never ran."""
    assert read_history(str(tmp_path)) == []
    Records(tmp_path).note(Rollout(environment="staging", version=3), "version 3 is asked")
    assert [(line["version"], line["what"]) for line in read_history(str(tmp_path))] == [(3, "version 3 is asked")]


def test_no_repository_is_said(tmp_path):
    """With the folder."""
    with pytest.raises(DeliveryError, match="nowhere"):
        read_commits(str(tmp_path / "nowhere"))
