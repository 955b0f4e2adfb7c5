"""The autoscaler in the terminal while it runs: three lines of little bars, or now and then a line of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from lib.serving.autoscale_record import Step

_BARS = " ▁▂▃▄▅▆▇█"
_LINE_EVERY = 10
_TEXT_WIDTH = 50


@contextmanager
def watch(console: Console | None = None) -> Iterator[tuple[Callable[[str], None], Callable[[Step], None]]]:
    """Two callables: for a text, and for the next step. Without a terminal, every tenth step becomes a line."""
    console = console or Console(highlight=False)
    steps: list[Step] = []
    if not console.is_terminal:

        def line(step: Step) -> None:
            steps.append(step)
            if len(steps) % _LINE_EVERY == 0:
                console.print(in_words(step), soft_wrap=True)

        yield lambda text: console.print(text, soft_wrap=True, markup=False), line
        return
    with Live(console=console, auto_refresh=False) as live:

        def draw(step: Step) -> None:
            steps.append(step)
            live.update(chart(steps[-max(20, console.width - _TEXT_WIDTH) :]), refresh=True)

        yield lambda text: live.console.print(text, markup=False), draw


def in_words(step: Step) -> str:
    """One step as a line."""
    p95 = "no answer yet" if step.p95_ms is None else f"p95 {step.p95_ms:,.0f} ms"
    return (
        f"{step.at_s:5.1f} s  load {step.offered:5.1f}/s  replicas {step.serving} of {step.wanted} wanted  {p95}  "
        f"failed {step.failed}"
    )


def chart(steps: list[Step]) -> Table:
    """Load, replicas and p95 of these steps as bars, each with its value now."""
    now = steps[-1]
    known = [value for value in now.in_flight if value is not None]
    busy = f"{sum(known) / len(known):.1f}" if known else "?"
    starting = f", {now.starting} starting" if now.starting else f", {now.draining} draining" if now.draining else ""
    table = Table.grid(padding=(0, 2))
    table.add_row("load", bars([step.offered for step in steps]), f"{now.offered:.0f} requests/s")
    table.add_row("replicas", bars([step.serving for step in steps]), f"{now.serving} of {now.wanted} wanted{starting}")
    table.add_row("p95", bars([step.p95_ms or 0 for step in steps]), f"{now.p95_ms or 0:,.0f} ms")
    table.add_row(f"{now.at_s:.0f} s", f"under way in a replica: {busy} of {now.target:g}", f"{now.failed} failed")
    return table


def bars(values: list[float]) -> str:
    """Each value as a bar of its height beside the highest.

    >>> bars([0, 1, 2, 4])
    ' ▂▄█'
    """
    top = max(values, default=0) or 1
    return "".join(_BARS[round(value / top * (len(_BARS) - 1))] for value in values)
