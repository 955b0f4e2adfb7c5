"""A data version is a name for exact bytes: it stays, it can be fetched, compared and carried, and DVC agrees."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest
import yaml

from lib import versioning
from lib.errors import VersionError
from lib.market import simulate
from lib.versioning import diff, fetch, pull, push, snapshot, versions
from lib.versioning import repository as repository_module
from lib.versioning import snapshots as snapshots_module


def dvc(folder, *arguments):
    """What the real command says."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DVC_SITE_CACHE_DIR": str(folder / ".dvc" / "tmp" / "site")},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(params=["git", "no git"])
def root(request, tmp_path):
    """A folder to work in, once with a git repository and once without."""
    folder = tmp_path / "work"
    folder.mkdir()
    if request.param == "git":
        subprocess.run(["git", "init", "--quiet", folder], check=True)
    return folder


@pytest.fixture
def plain(tmp_path):
    """A folder without git, for what does not depend on it."""
    folder = tmp_path / "plain"
    folder.mkdir()
    return folder


def write(path, rows):
    path.write_text("id,price_eur\n" + "".join(f"{row},{row * 1000}\n" for row in range(rows)))
    return path


def cache(root, version):
    return root / ".dvc" / "cache" / "files" / "md5" / version.digest[:2] / version.digest[2:]


def test_version_is_named_by_all_its_bytes(root):
    """Name, full digest, rows and size are those of the content."""
    path = write(root / "houses.csv", 20_000)
    version = snapshot(path, root=root)
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    assert version == versioning.DataVersion(f"houses@{digest[:8]}", digest, 20_000, path.stat().st_size)


def test_same_content_is_the_same_version(root):
    """Snapshots of unchanged content add nothing."""
    path = write(root / "houses.csv", 5)
    assert snapshot(path, root=root) == snapshot(path, root=root)
    assert len(versions(root)) == 1


def test_versions_of_one_path_all_stay(root):
    """Overwriting a file loses none of its earlier contents."""
    kept = {}
    for rows in (3, 4, 5):
        path = write(root / "houses.csv", rows)
        kept[snapshot(path, root=root).name] = path.read_bytes()
    assert [version.rows for version in versions(root)] == [3, 4, 5]
    for name, content in kept.items():
        assert fetch(name, root=root).read_bytes() == content


def test_dvc_accepts_the_pointers(root):
    """The real command finds nothing amiss, restores every version, and can drop none by accident."""
    names = [snapshot(write(root / "houses.csv", rows), root=root).name for rows in (3, 4)]
    assert dvc(root, "status") == "Data and pipelines are up to date."
    pointer = yaml.safe_load((root / "houses.csv.dvc").read_text())
    assert pointer["outs"][0]["md5"] == versions(root)[-1].digest
    data = [root / "houses.csv", *(root / "versions" / f"{name}.csv" for name in names)]
    content = [path.read_bytes() for path in data]
    dvc(root, "gc", "--workspace", "--force")
    for path in data:
        path.unlink()
    dvc(root, "checkout")
    assert [path.read_bytes() for path in data] == content


def test_dvc_pulls_what_was_pushed(root, tmp_path):
    """The folder is an ordinary DVC remote: the real command gets everything back from it."""
    version = snapshot(write(root / "houses.csv", 7), root=root)
    assert push(tmp_path / "remote", root=root) == 1
    shutil.rmtree(root / ".dvc" / "cache")
    (root / "houses.csv").unlink()
    dvc(root, "remote", "add", "--default", "shared", str(tmp_path / "remote"))
    dvc(root, "pull")
    assert hashlib.md5((root / "houses.csv").read_bytes()).hexdigest() == version.digest


def test_git_sees_pointers_and_not_data(tmp_path):
    """What a learner commits are the pointers."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    version = snapshot(write(tmp_path / "houses.csv", 5), root=tmp_path)
    seen = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"versions/{version.name}.csv.dvc" in seen
    assert "houses.csv.dvc" in seen
    assert "houses.csv\n" not in seen
    assert f"{version.name}.csv\n" not in seen


def test_fetched_version_is_read_only_and_a_copy_is_not(plain):
    """Without `to` the version itself is shown; with it a file that may be changed."""
    version = snapshot(write(plain / "houses.csv", 5), root=plain)
    assert fetch(version.name, root=plain).stat().st_mode & 0o222 == 0
    copy = fetch(version.name, to=plain / "deep" / "mine.csv", root=plain)
    copy.write_text("changed")
    (plain / "folder").mkdir()
    assert fetch(version.name, to=plain / "folder", root=plain).name == f"{version.name}.csv"
    assert hashlib.md5(fetch(version.name, root=plain).read_bytes()).hexdigest() == version.digest


def test_root_is_found_from_below(plain, monkeypatch):
    """From a subfolder the store of the folder above is used."""
    version = snapshot(write(plain / "houses.csv", 5), root=plain)
    (plain / "sub").mkdir()
    monkeypatch.chdir(plain / "sub")
    assert versions() == [version]
    assert fetch(version.name).is_relative_to(plain)


def test_store_inside_an_ignored_folder_of_another_repository(tmp_path):
    """A workspace under a git-ignored `out/` gets a store of its own."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("out/\n")
    inner = tmp_path / "out" / "lab"
    inner.mkdir(parents=True)
    snapshot(write(inner / "houses.csv", 5), root=inner)
    assert (inner / ".dvc").is_dir()
    assert dvc(inner, "status") == "Data and pipelines are up to date."


def test_store_in_a_subfolder_of_a_repository(tmp_path):
    """A project below the top of a git repository gets a store of its own, too."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    inner = tmp_path / "project"
    inner.mkdir()
    version = snapshot(write(inner / "houses.csv", 5), root=inner)
    assert fetch(version.name, root=inner).is_relative_to(inner)


def test_file_from_elsewhere_is_copied_in(plain, tmp_path):
    """A person's file outside of the root is versioned without being touched."""
    path = write(tmp_path / "own.csv", 5)
    version = snapshot(path, root=plain)
    assert fetch(version.name, root=plain).read_bytes() == path.read_bytes()
    assert not path.with_name("own.csv.dvc").exists()
    assert dvc(plain, "status") == "Data and pipelines are up to date."


def test_file_that_git_tracks_is_versioned_all_the_same(tmp_path):
    """A table that was committed to git gets a version, and stays git's."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    path = write(tmp_path / "houses.csv", 5)
    subprocess.run(["git", "add", "houses.csv"], cwd=tmp_path, check=True)
    version = snapshot(path, root=tmp_path)
    assert fetch(version.name, root=tmp_path).read_bytes() == path.read_bytes()
    assert not (tmp_path / "houses.csv.dvc").exists()


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("quoted.csv", b'a,b\n1,"two\nlines"\n2,x\n', 2),
        ("header.csv", b"a,b\n", 0),
        ("notes.txt", b"no table\n", None),
        ("broken.csv", b"a,b\n1\n1,2,3\n", None),
        ("broken.parquet", b"PAR1", None),
        ("empty.csv", b"", None),
    ],
)
def test_rows_are_counted_where_there_are_any(plain, name, content, rows):
    """Any file has versions; only a table has rows."""
    path = plain / name
    path.write_bytes(content)
    assert snapshot(path, root=plain).rows == rows


def test_parquet_has_versions(plain):
    """Rows of a Parquet file come from its own record."""
    path = plain / "houses.parquet"
    simulate(rows=50).houses.to_parquet(path)
    assert snapshot(path, root=plain).rows == 50


def test_snapshots_at_the_same_moment_do_not_disturb_one_another(plain):
    """Eight threads and three processes, each with its own content: every version is whole."""
    script = (
        "import sys; from pathlib import Path; from lib.versioning import snapshot; "
        "path = Path(sys.argv[1]); path.write_text('id\\n' + path.stem + '\\n'); snapshot(path, root=path.parent)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(versioning.__file__).parents[2])}
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(plain / f"process{number}.csv")], env=environment)
        for number in range(3)
    ]
    threads = [
        threading.Thread(target=snapshot, args=(write(plain / f"thread{rows}.csv", rows),), kwargs={"root": plain})
        for rows in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert len(versions(plain)) == 11
    for version in versions(plain):
        assert hashlib.md5(fetch(version.name, root=plain).read_bytes()).hexdigest() == version.digest
    assert dvc(plain, "status") == "Data and pipelines are up to date."


def test_push_and_pull_carry_names_to_another_root(root, tmp_path):
    """A colleague without the git history gets names and bytes; a second time there is nothing to carry."""
    names = [snapshot(write(root / "houses.csv", rows), root=root).name for rows in (3, 4)]
    assert (push(tmp_path / "remote", root=root), push(tmp_path / "remote", root=root)) == (2, 0)
    other = tmp_path / "other"
    other.mkdir()
    assert (pull(tmp_path / "remote", root=other), pull(tmp_path / "remote", root=other)) == (2, 0)
    assert [version.name for version in versions(other)] == names
    for name in names:
        assert fetch(name, root=other).read_bytes() == fetch(name, root=root).read_bytes()


def test_pull_leaves_a_changed_file_alone(plain, tmp_path):
    """Work in progress is not overwritten by what was pushed."""
    snapshot(write(plain / "houses.csv", 3), root=plain)
    push(tmp_path / "remote", root=plain)
    (plain / "houses.csv").write_text("mine")
    shutil.rmtree(plain / ".dvc" / "cache")
    assert pull(tmp_path / "remote", root=plain) == 1
    assert (plain / "houses.csv").read_text() == "mine"


def test_unknown_name_says_which_are_known(plain):
    """A name that was never given is answered with those that were."""
    version = snapshot(write(plain / "houses.csv", 3), root=plain)
    with pytest.raises(VersionError, match=rf"no data version is named 'houses@0'.*{version.name}"):
        fetch("houses@0", root=plain)


def test_bytes_that_are_gone_say_where_to_get_them(plain):
    """An emptied cache is not an empty file."""
    version = snapshot(write(plain / "houses.csv", 3), root=plain)
    shutil.rmtree(plain / ".dvc" / "cache")
    with pytest.raises(VersionError, match=r"not in the cache.*pull\(folder\)"):
        fetch(version.name, root=plain)


def test_damaged_bytes_are_never_handed_out(plain, tmp_path):
    """A changed byte in the cache is found, and removing it and pulling heals it."""
    version = snapshot(write(plain / "houses.csv", 3), root=plain)
    push(tmp_path / "remote", root=plain)
    stored = cache(plain, version)
    stored.chmod(0o644)
    stored.write_bytes(b"X" + stored.read_bytes()[1:])
    with pytest.raises(VersionError, match=r"are damaged: .*Remove that file"):
        fetch(version.name, root=plain)
    stored.unlink()
    pull(tmp_path / "remote", root=plain)
    assert hashlib.md5(fetch(version.name, root=plain).read_bytes()).hexdigest() == version.digest


def test_version_that_was_overwritten_in_place_is_restored(plain):
    """Replacing the shown file does not change the version."""
    version = snapshot(write(plain / "houses.csv", 3), root=plain)
    shown = fetch(version.name, root=plain)
    shown.unlink()
    shown.write_text("other")
    assert hashlib.md5(fetch(version.name, root=plain).read_bytes()).hexdigest() == version.digest


def test_missing_remote_is_said(plain, tmp_path):
    """Pulling from a folder that is not there is no silent zero."""
    with pytest.raises(VersionError, match=r"remote is not a folder.*Push to it first"):
        pull(tmp_path / "remote", root=plain)


def test_remote_that_lacks_the_bytes_is_said(plain, tmp_path):
    """A remote to which the version was never pushed cannot give it."""
    snapshot(write(plain / "houses.csv", 3), root=plain)
    shutil.rmtree(plain / ".dvc" / "cache")
    (tmp_path / "remote").mkdir()
    with pytest.raises(VersionError, match=r"remote lacks the bytes of .*houses.*Push them"):
        pull(tmp_path / "remote", root=plain)


def test_pointer_that_cannot_be_read_is_named(plain):
    """A pointer with a merge conflict in it is named, with the way out."""
    version = snapshot(write(plain / "houses.csv", 3), root=plain)
    (plain / "versions" / f"{version.name}.csv.dvc").write_text("<<<<<<< HEAD\nouts:\n")
    with pytest.raises(VersionError, match=r"csv.dvc is no pointer.*Restore it from git"):
        versions(plain)


def test_file_that_is_not_there_is_said(plain):
    """A folder or a missing file has no snapshot."""
    for path in (plain / "nowhere.csv", plain):
        with pytest.raises(VersionError, match="is not a file"):
            snapshot(path, root=plain)


def test_root_that_is_no_folder_is_said(plain):
    """A mistyped root is named."""
    with pytest.raises(VersionError, match="is not a folder"):
        versions(plain / "nowhere")


def test_full_disk_is_said(plain, monkeypatch):
    """No space left is told as that, and leaves no half-written file."""
    version = snapshot(write(plain / "houses.csv", 3), root=plain)

    def full(source, target):
        Path(target).write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    monkeypatch.setattr(snapshots_module.shutil, "copyfile", full)
    with pytest.raises(VersionError, match=r"the disk is full.*Free some space"):
        fetch(version.name, to=plain / "copy.csv", root=plain)
    assert not list(plain.glob("*copy.csv*"))


def test_disk_that_fills_during_a_snapshot_is_said(plain, monkeypatch):
    """What DVC meets inside is told the same way, and earlier versions stay readable."""
    version = snapshot(write(plain / "houses.csv", 3), root=plain)

    def full(*_arguments, **_options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("dvc.stage.Stage.dump", full)
    with pytest.raises(VersionError, match="the disk is full"):
        snapshot(write(plain / "houses.csv", 4), root=plain)
    monkeypatch.undo()
    assert fetch(version.name, root=plain).exists()


def test_busy_store_is_said(plain, monkeypatch):
    """Another process that never ends is named after the time-out."""
    monkeypatch.setattr(repository_module, "LOCK_TIMEOUT_S", 0.05)
    path = write(plain / "houses.csv", 3)
    with repository_module.repository(plain), pytest.raises(VersionError, match="another process has been working"):
        snapshot(path, root=plain)


def test_running_dvc_command_is_said(plain, monkeypatch):
    """The lock of the real command is respected, and named after DVC's own attempts."""
    from dvc.lock import make_lock

    monkeypatch.setattr("dvc.lock.DEFAULT_TIMEOUT", 0)
    path = write(plain / "houses.csv", 3)
    version = snapshot(path, root=plain)
    with make_lock(str(plain / ".dvc" / "tmp" / "lock")), pytest.raises(VersionError, match="a dvc command is at work"):
        snapshot(write(path, 4), root=plain)
    assert versions(plain) == [version]


def test_nothing_is_printed(plain, tmp_path, capfd):
    """DVC's progress and advice stay out of a notebook."""
    version = snapshot(write(plain / "houses.csv", 3), root=plain)
    fetch(version.name, root=plain)
    push(tmp_path / "remote", root=plain)
    pull(tmp_path / "remote", root=plain)
    assert capfd.readouterr() == ("", "")


def test_cell_that_takes_a_snapshot_has_no_output(plain):
    """Inside a kernel DVC's spinner would leave an empty output in every such cell."""
    import nbclient
    import nbformat

    code = f"import sys; sys.path.insert(0, {str(Path(versioning.__file__).parents[2])!r})\n"
    code += "from lib.versioning import snapshot\n_ = open('a.csv', 'w').write('x')\nversion = snapshot('a.csv')"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(plain)}}).execute()
    assert notebook.cells[0].outputs == []


def test_diff_tells_a_person_what_changed(plain):
    """Rows by key, columns, and the distributions that moved, and only those."""
    houses = simulate("slide", rows=4_000, seed=1).houses.drop(columns=["listed_on", "sold_on", "listed_month"])
    path = plain / "houses.csv"
    houses[:2_000].drop(columns="rooms").to_csv(path, index=False)
    before = snapshot(path, root=plain)
    later = houses[1_500:].drop(columns="condition")
    later.assign(age_years=later["age_years"].where(later.index != 1_600, 99)).to_csv(path, index=False)
    after = snapshot(path, root=plain)
    found = diff(before.name, after.name, root=plain)
    assert (found.key, found.added, found.removed, found.changed) == ("house_id", 2_000, 1_500, 1)
    assert (found.columns_added, found.columns_removed) == (("rooms",), ("condition",))
    moved = {move.column for move in found.moved}
    assert {"district", "distance_km", "has_garden"} <= moved
    assert not {"age_years", "energy_class", "days_on_market"} & moved
    words = str(found)
    assert "rows: 2,000 → 2,500: 2,000 added, 1,500 removed, 1 changed (matched by house_id)" in words
    assert "district moved: share of 'country' 20" in words
    assert "distance_km moved: mean" in words


def test_diff_without_a_key_counts_whole_rows(plain):
    """Repeated rows count as often as they occur."""
    path = plain / "sales.csv"
    path.write_text("price,city\n1,a\n1,a\n2,b\n")
    before = snapshot(path, root=plain)
    path.write_text("price,city\n1,a\n2,b\n3,c\n")
    after = snapshot(path, root=plain)
    found = diff(before.name, after.name, root=plain)
    assert (found.key, found.added, found.removed) == (None, 1, 1)
    assert "no column identifies them" in str(found)
    assert "no distribution moved by more than chance explains" in str(found)


def test_diff_of_two_formats_and_of_dates(plain):
    """A table is the same table in Parquet; dates move as dates."""
    houses = simulate(rows=1_000).houses
    houses.to_csv(plain / "houses.csv", index=False)
    houses.to_parquet(plain / "houses.parquet")
    csv, parquet = (snapshot(plain / f"houses.{suffix}", root=plain) for suffix in ("csv", "parquet"))
    assert (diff(csv.name, parquet.name, root=plain).changed, diff(csv.name, parquet.name, root=plain).moved) == (0, ())
    houses.assign(listed_on=houses["listed_on"] + pd.Timedelta(days=365)).to_csv(plain / "houses.csv", index=False)
    shifted = diff(csv.name, snapshot(plain / "houses.csv", root=plain).name, root=plain)
    assert [move.column for move in shifted.moved] == ["listed_on"]
    assert "2023-01-01 to 2024-12-30 → 2024-01-01 to 2025-12-30" in str(shifted)


def test_diff_of_what_is_no_table_is_refused(plain):
    """A file that is no table has versions and no rows to compare."""
    names = []
    for text in ("a", "b"):
        (plain / "notes.txt").write_text(text)
        names.append(snapshot(plain / "notes.txt", root=plain).name)
    with pytest.raises(VersionError, match=r"is not a .csv or .parquet table"):
        diff(*names, root=plain)
