"""The audit for a person at a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autograder.audit.part import Part


def print_summary(module: str, part: Part, console: Console) -> None:
    """Print the tables of one module's audit, and whatever is wrong with it."""
    console.print(f"\n[bold]{escape(module)}[/bold]")
    record = part.record
    if "solution" in record:
        console.print(_known_table(record))
    for name in ("hostile", "borrowed"):
        if name in record:
            fine = sum(entry["ok"] for entry in record[name].values())
            console.print(f"{name}: {fine} of {len(record[name])} earn nothing")
    if "guess" in record:
        guess = record["guess"]
        ways = ", ".join(f"{name.replace('_', ' ')} {guess[name]:g}" for name in ("random", "longest", "always_b"))
        console.print(f"guessing theory: {ways} points; the bar is {guess['bar']:g}")
    if "mutants" in record:
        console.print(_mutant_table(record["mutants"]))
    for problem in part.problems:
        console.print(f"[red]✗[/red] {escape(problem)}", highlight=False)
    if not part.problems:
        console.print("[green]✓[/green] nothing to object to")


def _known_table(record: dict[str, Any]) -> Table:
    columns = list(record["solution"])
    table = Table("submission", *columns, "as it should")
    rows = {"solution": record["solution"], "blank": record["blank"]}
    rows |= {f"{kind} {name}": entry for kind in ("wrong", "alt") for name, entry in record[kind].items()}
    for name, row in rows.items():
        points = [f"{row[column]:g}" for column in columns]
        table.add_row(escape(name), *points, {True: "yes", False: "NO", None: ""}[row.get("ok")])
    return table


def _mutant_table(mutants: dict[str, Any]) -> Table:
    sampled = f", at most {mutants['sample']} a task (seed {mutants['seed']})" if mutants["sample"] else ""
    table = Table("task", "mutants", "equivalent", "killed", "score", title=f"mutants{sampled}", title_justify="left")
    for task, count in {**mutants["tasks"], "module": mutants}.items():
        cells = [str(count[name]) for name in ("total", "equivalent", "killed")]
        table.add_row(escape(task), *cells, f"{count['score']:.0%}")
    return table
