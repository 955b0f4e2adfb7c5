"""One person out of the data versions: each version that holds them is replaced by one that does not."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from lib.governance.privacy_person import Person
from lib.governance.privacy_search import search
from lib.governance.privacy_tables import Cleaned, clean_table
from lib.versioning import fetch, push, snapshot, versions, withdraw
from lib.versioning.repository import VERSIONS, find_root

TABLES = frozenset({".csv", ".parquet"})


def erase_from_versions(person: Person, root: Path, *, remotes: Sequence[Path] = ()) -> tuple[dict[str, str], Cleaned]:
    """Replace every data version that is a table with the person in it; which became which, and what was removed.

    The present content of a path that stands for such a version is replaced too, here and, with the old versions, in
    the folders `remotes`. A version that is no table is left as it is. Raises VersionError and PrivacyError.
    """
    home, replaced, total = find_root(root), {}, Cleaned()
    for version in versions(home):
        with tempfile.TemporaryDirectory() as scratch:
            old = fetch(version.name, to=Path(scratch), root=home)
            if old.suffix not in TABLES or not search(person, [old]).found:
                continue
            fresh = Path(scratch, "clean", version.name.rpartition("@")[0] + old.suffix)
            fresh.parent.mkdir()
            done = clean_table(old, fresh, person)
            if not done:
                continue
            replaced[version.name] = snapshot(fresh, root=home).name
            _replace_present(home, version.digest, fresh)
        for remote in remotes:
            push(remote, root=home)
        withdraw(version.name, root=home, remotes=remotes)
        total = Cleaned(total.removed + done.removed, total.blacked + done.blacked)
    return replaced, total


def _replace_present(home: Path, digest: str, fresh: Path) -> None:
    """Put the clean table where a pointer `<path>.dvc` says that the old one is."""
    for pointer in home.rglob("*.dvc"):
        if pointer.is_file() and VERSIONS not in pointer.relative_to(home).parts:
            (out, *_) = yaml.safe_load(pointer.read_text()).get("outs") or [{}]
            if out.get("md5") == digest:
                path = pointer.with_name(out["path"])
                path.unlink(missing_ok=True)
                shutil.copyfile(fresh, path)
                snapshot(path, root=home)
