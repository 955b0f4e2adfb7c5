"""What delivery has left behind, as plain JSON: the commits that asked for something, and what the reconciler did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lib.delivery.rollout_record import Records
from lib.delivery.wanted import Environment, read_wanted
from lib.delivery.wanted_repository import WantedRepository, wanted_file
from lib.errors import DeliveryError


def read_commits(folder: str, environment: Environment = "production") -> list[dict[str, Any]]:
    """The commits of a repository of wanted states, oldest first: id, author, subject, and what they asked for.

    `version` and `replicas` are those of `environment`, None where nothing (or nothing that can be read) was asked.
    """
    repository = WantedRepository(Path(folder))
    return [
        {"id": commit.id, "author": commit.author, "subject": commit.subject}
        | _asked(repository, environment, commit.id)
        for commit in repository.commits()
    ]


def read_history(folder: str) -> list[dict[str, object]]:
    """What a reconciler that keeps its state in `folder` did and decided, oldest first."""
    return Records(Path(folder)).history()


def _asked(repository: WantedRepository, environment: Environment, commit: str) -> dict[str, Any]:
    name = wanted_file(environment)
    text = repository.read(name, at=commit)
    try:
        wanted = None if text is None else read_wanted(text, what=name)
    except DeliveryError:
        wanted = None
    return {"version": wanted and wanted.version, "replicas": wanted and wanted.replicas}
