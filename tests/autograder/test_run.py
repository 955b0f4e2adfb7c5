"""What running a notebook makes of a cell's outputs."""

from __future__ import annotations

from nbformat.v4 import new_output

from autograder.run import _joined


def test_neighbouring_prints_are_one_output() -> None:
    """Prints that follow each other become one text; another stream or a display between them keeps its place."""
    out, err = (lambda text, name=name: new_output("stream", name=name, text=text) for name in ("stdout", "stderr"))
    shown = new_output("display_data", data={"text/plain": "3"})
    joined = _joined([out("a"), out("b\n"), err("c"), shown, out("d")])
    assert [o.get("text") for o in joined] == ["ab\n", "c", None, "d"]
    assert joined[2] == shown
