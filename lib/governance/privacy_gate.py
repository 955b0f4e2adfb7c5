"""Keeps personal data out of what is deployed: the inputs of a model, its files, and the artifacts of its run."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from lib.errors import PrivacyError
from lib.governance.privacy_find import REGIONS
from lib.governance.privacy_scan import Found, scan_lines, scan_names
from lib.market import PERSONAL, Schema
from lib.registry import Contender, Evidence, Gate
from lib.tracking.read import artifact_file, model_folder

# Of the author, who signs commits with name and address, and of the machine: not of the people in the data.
_OF_THE_AUTHOR = ("code/", "environment.json")
_TEXT = frozenset({".csv", ".html", ".json", ".jsonl", ".md", ".svg", ".txt", ".yaml", ".yml", ""})
_TEXT_ARRAY = re.compile(rb"'descr': '[<>|=]?[OSU]")
_NPY_HEADER = 256
# Skops numbers objects by their addresses in memory: long numbers that change from run to run, and nobody's ids.
_ADDRESS = re.compile(r'"__id__": \d+')


def no_personal_data(*, schema: Schema = PERSONAL, regions: Sequence[str] = REGIONS) -> Gate:
    """Pass when neither the candidate's inputs, nor its files, nor its run's artifacts hold personal data.

    Inputs by their names and by what `schema` declares; files by content: text, and inside of a skops file what an
    encoder learnt by heart, such as an address for each category. Nothing is deserialised. Left out are the code and
    the environment of the run, where the author stands by name. The evidence names places and kinds, and no values.
    """

    def no_personal_data(candidate: Contender, _champion: Contender | None) -> Evidence:
        found = [*_inputs(candidate, schema), *_files(candidate, regions), *_artifacts(candidate, regions)]
        return Evidence(
            id="no_personal_data",
            passed=not found,
            measured=[str(each) for each in found],
            threshold="none",
            reason="; ".join(map(str, found)) or "nothing personal in inputs, files and artifacts",
        )

    return no_personal_data


def text_of(file: Path) -> Iterator[tuple[str, str]]:
    """What can be read as text in a file, each piece with its name; the parts of a zip archive (skops, npz) one by one.

    Arrays of numbers are passed over. Raises PrivacyError for a file that cannot be read.
    """
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                for part in archive.namelist():
                    text = _ADDRESS.sub('"__id__": 0', _readable(archive.read(part)))
                    if text:
                        yield f"{file.name}/{part}", text
        else:
            text = _readable(file.read_bytes())
            if text:
                yield file.name, text
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise PrivacyError(f"{file.name} cannot be read, so nothing is known about it: {error}.") from error


def _readable(content: bytes) -> str:
    if content.startswith(b"\x93NUMPY"):
        if not _TEXT_ARRAY.search(content[:_NPY_HEADER]):
            return ""
        # NumPy keeps text in four bytes a character, three of which are empty in most.
        return content.replace(b"\0\0\0", b"").decode("utf-8", errors="replace").replace("\0", "\n")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return ""


def _inputs(candidate: Contender, schema: Schema) -> list[Found]:
    signature = candidate.signature
    names = [str(spec.name) for spec in signature.inputs.inputs] if signature and signature.inputs else []
    return scan_names(names, schema=schema)


def _files(candidate: Contender, regions: Sequence[str]) -> Iterator[Found]:
    folder = model_folder(candidate.location)
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield from _scanned(file, regions)


def _artifacts(candidate: Contender, regions: Sequence[str]) -> Iterator[Found]:
    for path in candidate.run["artifacts"]:
        if Path(path).suffix in _TEXT and not path.startswith(_OF_THE_AUTHOR):
            file = artifact_file(candidate.stores.client, candidate.run_id, path)
            if file is not None:
                yield from _scanned(file, regions)


def _scanned(file: Path, regions: Sequence[str]) -> Iterator[Found]:
    for name, text in text_of(file):
        for found in scan_lines(text.splitlines(), regions=regions):
            yield Found(column=name, kind=found.kind, by="content", rows=found.rows, of=found.of)
