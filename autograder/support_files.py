"""Files that an nbgrader course puts beside its notebooks, brought along to wherever a submission runs."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from autograder.errors import SourceError
from autograder.models import Cell

MAX_BYTES = 10_000_000


def support_cell(path: Path, notebook: NotebookNode) -> Iterator[Cell]:
    """A cell that writes the files beside the notebook at `path` that its code names; none when it names none."""
    code = "\n".join(str(cell.source) for cell in notebook.cells if cell.cell_type == "code")
    files = {file.relative_to(path.parent).as_posix(): file for file in sorted(path.parent.rglob("*"))}
    named = {
        name: file
        for name, file in files.items()
        if file.is_file() and file.suffix != ".ipynb" and (file.stem if file.suffix == ".py" else file.name) in code
    }
    size = sum(file.stat().st_size for file in named.values())
    if size > MAX_BYTES:
        raise SourceError(f"{path}: the files it uses are {size:,} bytes; at most {MAX_BYTES:,} are brought along")
    if named:
        held = {name: base64.b64encode(file.read_bytes()).decode() for name, file in named.items()}
        yield Cell(id="support-files", kind="code", role="plain", source=_WRITE.format(held=held), line=0)


_WRITE = """def _support_files(held):
    import base64
    import pathlib

    for name, text in held.items():
        pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(name).write_bytes(base64.b64decode(text))


_support_files({held!r})
del _support_files"""
