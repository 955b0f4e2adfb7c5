"""The model card: what the run and the registry know of a version, and what only a person can say; complete or refused.

Its sections are those of Mitchell and others, *Model Cards for Model Reporting* (2019).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lib.errors import PolicyError
from lib.registry import Contender, Evidence, Gate, find_version, history
from lib.registry.stores import open_stores
from lib.settings import Settings
from lib.tracking.read import artifact_file, read_run

Said = Annotated[str, Field(min_length=20)]
_FACTS = ("data.version", "data.digest", "data.rows.train", "data.rows.test", "model.class", "env.python", "env.lock")


class Words(BaseModel):
    """What no run knows: sentences of whoever answers for the model, each of 20 characters at least."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: Annotated[str, Field(min_length=3)]
    intended_use: Said
    out_of_scope: Said
    limitations: Said
    people: Said
    """Whom a wrong answer harms, and what is done about it."""


class ModelCard(BaseModel):
    """A version as it may be shown to whoever asks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: int
    digest: str
    trained_by: str
    registered_by: str
    words: Words
    inputs: tuple[str, ...]
    facts: dict[str, str]
    split: str
    metrics: dict[str, float]


def read_words(path: Path) -> Words:
    """The sentences in a TOML file; raises PolicyError naming each that is missing or too short."""
    try:
        return Words.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise PolicyError(f"the words of a card in {path} cannot be read: {error}.") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise PolicyError(f"{path} does not say enough for a model card: {faults}.") from error


def fill_card(name: str, version: int, words: Words, *, settings: Settings) -> ModelCard:
    """The card of a version; raises PolicyError with all that the run lacks, UnknownVersion."""
    found = find_version(name, version, settings=settings)
    run = read_run(found.run_id, settings=settings)
    signatures = [model["signature"] for model in run["models"] if model["signature"]]
    tests = {
        key: value for key, value in run["metrics"].items() if key.startswith("test_") and isinstance(value, float)
    }
    lacks = [f"the tag {fact}" for fact in _FACTS if fact not in run["tags"]]
    lacks += [] if run["params"].get("split") else ["how its rows were split"]
    lacks += [] if tests else ["a metric on rows that nothing was chosen by (test_…)"]
    lacks += [] if signatures else ["a signature that names its inputs"]
    lacks += [] if found.trainer else ["who trained it"]
    if lacks:
        raise PolicyError(
            f"version {version} of {name} has no complete card: its run lacks {', '.join(lacks)}. Train it with "
            "lib.tracking.track, which records all of that."
        )
    return ModelCard(
        name=name, version=version, digest=found.digest, trained_by=str(found.trainer), registered_by=found.by,
        words=words, inputs=tuple(str(column["name"]) for column in signatures[-1]["inputs"]),
        facts={fact: run["tags"][fact] for fact in _FACTS}, split=run["params"]["split"], metrics=tests,
    )  # fmt: skip


def keep_card(card: ModelCard, *, settings: Settings) -> str:
    """Store the card with the run, as JSON and as a page; returns the page's path among the run's artifacts."""
    with open_stores(settings) as stores:
        run_id = stores.about(card.name, card.version).run_id
        stores.client.log_text(run_id, card.model_dump_json(indent=1) + "\n", _place(card.name, card.version, "json"))
        stores.client.log_text(run_id, card_text(card, settings=settings), _place(card.name, card.version, "md"))
    return _place(card.name, card.version, "md")


def card_complete() -> Gate:
    """A gate: pass when a complete card was kept for these very files, and says what the run says today."""

    def card_complete(candidate: Contender, _champion: Contender | None) -> Evidence:
        stores, why = candidate.stores, ""
        file = artifact_file(stores.client, candidate.run_id, _place(candidate.name, candidate.version, "json"))
        if file is None:
            why = "it has no card. Write one: python -m lib card VERSION --words FILE"
        else:
            try:
                card = ModelCard.model_validate_json(file.read_text("utf-8"))
                if card != fill_card(candidate.name, candidate.version, card.words, settings=stores.settings):
                    why = "its card is of other files, or says what the run does not say. Write it anew"
            except (ValidationError, PolicyError) as error:
                why = f"its card is not complete: {error}"
        return Evidence(id="card_complete", passed=not why, reason=why or "a complete card was kept")

    return card_complete


def card_text(card: ModelCard, *, settings: Settings) -> str:
    """The card as a page in Markdown, with the registry's history of the version at its end."""
    return "\n".join(_lines(card, settings)) + "\n"


def _lines(card: ModelCard, settings: Settings) -> Iterator[str]:
    words, facts = card.words, card.facts
    yield f"# {card.name}, version {card.version}\n"
    yield f"{facts['model.class']}, trained by {card.trained_by}, registered by {card.registered_by}; "
    yield f"answers for it: {words.owner}. Files: `{card.digest}`.\n"
    yield f"## Intended use\n\n{words.intended_use}\n\nNot for: {words.out_of_scope}\n"
    yield f"## Data\n\n`{facts['data.version']}` (digest `{facts['data.digest']}`), {facts['data.rows.train']} rows "
    yield f"trained it. Split: {card.split}. Inputs: {', '.join(card.inputs)}.\n"
    yield f"## How good it is\n\nOn {facts['data.rows.test']} rows that nothing was chosen by:\n"
    yield "| metric | value |\n|---|---|"
    yield from (f"| {name} | {value:,.4g} |" for name, value in card.metrics.items())
    yield f"\n## Limits\n\n{words.limitations}\n\n## People\n\n{words.people}\n"
    yield f"## Made with\n\n{facts['env.python']}, packages locked by `{facts['env.lock']}`.\n\n## History\n"
    lines = (line for line in history(card.name, settings=settings) if line.version == card.version)
    yield from (f"- {line}" for line in lines)


def _place(name: str, version: int, kind: str) -> str:
    return f"registry/{name}/card-{version}.{kind}"
