"""Run every `bench_*.py` here, print ours beside the peer, write out/bench.json; fail when a ratio is below its bar."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
OUT = Path("out/bench.json")


def main() -> int:
    """A ratio above 1 means that ours is better; each pair was measured interleaved, in this very run."""
    rows = []
    for path in sorted(FOLDER.glob("bench_*.py")):
        print(f"{path.stem} …", flush=True)
        rows += importlib.import_module(f"tests.bench.{path.stem}").main()
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    for row in rows:
        ours, peer = (f"{row[side]:.3g} {row['unit']}" for side in ("ours", "peer"))
        ratio = f"{row['ratio']:.1f}× [{row['low']:.1f}–{row['high']:.1f}]"
        verdict = f"  below its bar of {row['bar']:g}" if below(row) else ""
        print(f"{row['name']:44} {ours:>12}   {row['peer_name']}: {peer}   {ratio}{verdict}")
    return int(any(below(row) for row in rows))


def below(row: dict[str, Any]) -> bool:
    """Whether a ratio misses the bar that is set for it."""
    return row["bar"] is not None and row["ratio"] < row["bar"]


if __name__ == "__main__":
    sys.exit(main())
