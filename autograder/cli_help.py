"""`autograder --help`: the commands under headings, in the order in which a term needs them."""

from __future__ import annotations

import argparse

TERM = {
    "Make the course": ("build", "release"),
    "Hand in": ("submit", "collect"),
    "Grade": ("grade", "report", "regrade"),
    "Look into the grading": ("try", "walls", "audit"),
}


class TermCommands:
    """The commands of `parser`: their texts stand under `TERM`'s headings, and at the top of their own help."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._commands = parser.add_subparsers(
            required=True, metavar="COMMAND", help=argparse.SUPPRESS, prog=parser.prog
        )
        self.texts: dict[str, str] = {}

    def add_parser(self, name: str, *, help: str) -> argparse.ArgumentParser:  # noqa: A002 - argparse's word for it
        self.texts[name] = help
        return self._commands.add_parser(name, description=help)

    def listed(self) -> str:
        """All commands; one that stands under no heading comes last."""
        headings = {heading: [name for name in names if name in self.texts] for heading, names in TERM.items()}
        headings["More"] = [name for name in self.texts if name not in sum(TERM.values(), ())]
        blocks = (
            "\n".join([f"{heading}:", *(f"  {name:9} {self.texts[name]}" for name in names)])
            for heading, names in headings.items()
            if names
        )
        return "\n\n".join([*blocks, "autograder COMMAND --help says more of each."])
