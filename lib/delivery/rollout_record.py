"""How each environment stands towards what git wants, kept on disk: for the next start, and for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from lib.delivery.running import write_whole
from lib.delivery.wanted import Environment, Part, Wanted
from lib.errors import DeliveryError

State = Literal["in place", "rolling out", "rolling back", "rolled back", "refused", "waiting", "nothing wanted"]
FINAL: frozenset[State] = frozenset({"rolled back", "refused"})
"""A commit that ended so is not tried again; only another one is."""


class Rollout(Part):
    """The newest commit that asked for something else, what became of it, and what was in place last (`good`).

    `recorded` says that the version serves all requests and the registry knows it; `passed` lists the versions
    (`<model>-<version>`) that have been in place here.
    """

    environment: Environment
    commit: str = ""
    state: State = "nothing wanted"
    reason: str = ""
    version: int | None = None
    recorded: bool = False
    good: Wanted | None = None
    passed: tuple[str, ...] = ()


class Records:
    """The files in `folder`: `<environment>.json`, and `history.jsonl`, a line for whatever was done or decided."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, environment: Environment) -> Rollout:
        """How it stands; raises DeliveryError when the file cannot be read."""
        path = self.folder / f"{environment}.json"
        try:
            return Rollout.model_validate_json(path.read_text())
        except FileNotFoundError:
            return Rollout(environment=environment)
        except ValidationError as error:
            raise DeliveryError(
                f"{path} cannot be read: {' '.join(str(error).split())}. Move it away; what runs goes on."
            ) from error

    def write(self, rollout: Rollout) -> Rollout:
        """Keep it; a change of state is a line of the history, too."""
        before = self.read(rollout.environment)
        if rollout != before:
            write_whole(self.folder / f"{rollout.environment}.json", rollout.model_dump_json(indent=2) + "\n")
        if (rollout.commit, rollout.state, rollout.reason) != (before.commit, before.state, before.reason):
            self.note(rollout, f"{rollout.state}: {rollout.reason}" if rollout.reason else rollout.state)
        return rollout

    def note(self, rollout: Rollout, what: str) -> None:
        """Add a line to the history."""
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"), "environment": rollout.environment,
            "commit": rollout.commit[:8], "version": rollout.version, "what": what,
        }  # fmt: skip
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "history.jsonl").open("a") as stream:
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")

    def history(self) -> list[dict[str, object]]:
        """All lines, oldest first; one that a killed process left incomplete is left out."""
        path = self.folder / "history.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found
