"""A workspace is fresh, has a history of its own and a store that is ready, and never costs anybody a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib import workspace
from lib.errors import WorkspaceError
from lib.workspace import enter

TWICE = """
import mlflow
from lib.workspace import enter
for number in range(2):
    enter("01_tracking")
    with mlflow.start_run():
        mlflow.log_metric("validation_rmse", 1.0)
    print(len(mlflow.search_runs(search_all_experiments=True)))
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Each test stands in an empty folder, and gets its environment and folder back."""
    monkeypatch.chdir(tmp_path)
    kept = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(kept)


def git(folder, *arguments):
    return subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True).stdout.strip()


def test_workspace_is_under_out_and_entered(tmp_path):
    """Without further settings it is `out/labs/<module>` of the current folder."""
    assert enter("01_tracking") == tmp_path / "out" / "labs" / "01_tracking" == Path.cwd()


def test_workspace_is_found_from_within_the_checkout(tmp_path, monkeypatch):
    """From a notebook's folder it is the checkout's `out`, not one beside the notebook."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "Makefile").touch()
    (tmp_path / "labs" / "01_tracking").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "labs" / "01_tracking")
    assert enter("01_tracking") == tmp_path / "out" / "labs" / "01_tracking"


def test_entering_again_keeps_the_earlier_one_once(tmp_path):
    """From inside the workspace: a neighbour, not a nested one; only the last earlier one is kept."""
    for number in range(3):
        folder = enter("01_tracking")
        (folder / f"note{number}.txt").write_text("mine")
    assert folder == tmp_path / "out" / "labs" / "01_tracking"
    assert sorted(path.name for path in folder.parent.iterdir()) == ["01_tracking", "01_tracking.previous"]
    assert (folder.parent / "01_tracking.previous" / "note1.txt").exists()
    assert not list(folder.glob("note[01].txt"))


def test_validation_leaves_the_workspace_alone(tmp_path, monkeypatch):
    """nbgrader's Validate runs the lab once more beside it: the learner's runs stay, and nothing piles up."""
    (enter("01_tracking") / "note.txt").write_text("mine")
    monkeypatch.setenv("NBGRADER_VALIDATING", "1")
    monkeypatch.setattr(sys, "stderr", sys.stderr)  # comes back at the end
    for _ in range(2):
        monkeypatch.chdir(tmp_path)
        assert enter("01_tracking") == tmp_path / "out" / "labs" / "01_tracking.validated"
    assert {folder.name for folder in (tmp_path / "out" / "labs").iterdir()} == {"01_tracking", "01_tracking.validated"}
    assert (tmp_path / "out" / "labs" / "01_tracking" / "note.txt").read_text() == "mine"
    assert sys.stderr is sys.stdout


def test_history_is_the_workspaces_own(tmp_path):
    """One commit by an identity of its own, nothing uncommitted, the same id on every machine."""
    folder = enter("01_tracking")
    assert git(folder, "log", "--format=%an %s") == "Learner An empty workspace"
    assert git(folder, "status", "--porcelain") == ""
    first = git(folder, "rev-parse", "HEAD")
    assert git(enter("another"), "rev-parse", "HEAD") == first
    assert Path(git(folder, "rev-parse", "--show-toplevel")) == folder


def test_repository_of_a_running_hook_is_not_touched(tmp_path, monkeypatch):
    """Inside a git hook GIT_DIR points elsewhere; the workspace does not follow it."""
    subprocess.run(["git", "init", "--quiet", tmp_path / "theirs"], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "theirs" / ".git"))
    folder = enter("01_tracking")
    assert Path(git(folder, "rev-parse", "--git-dir")) == Path(".git")
    assert "GIT_DIR" not in os.environ


def test_dvc_is_initialised_as_dvc_itself_does(tmp_path):
    """The files of `dvc init`, but for the folder that DVC need not look into."""
    from dvc.repo import Repo

    folder = enter("01_tracking")
    subprocess.run(["git", "init", "--quiet", tmp_path / "git"], check=True)
    Repo.init(str(tmp_path / "git")).close()
    for name in (".dvc/config", ".dvc/.gitignore"):
        assert (folder / name).read_text() == (tmp_path / "git" / name).read_text()
    assert subprocess.run([sys.executable, "-m", "dvc", "status"], cwd=folder, check=False).returncode == 0


def test_environment_names_the_store_and_turns_telemetry_off():
    """What later calls read is set for the whole process."""
    folder = enter("01_tracking")
    assert os.environ["MLFLOW_TRACKING_URI"] == f"sqlite:///{folder}/mlflow.db"
    assert (folder / "mlflow.db").stat().st_size > 100_000
    assert (os.environ["DO_NOT_TRACK"], os.environ["DVC_NO_ANALYTICS"]) == ("true", "1")
    assert os.environ["GIT_CEILING_DIRECTORIES"] == str(folder.parent)


def test_set_up_cell_can_run_twice_in_one_kernel(tmp_path):
    """MLflow's open connections still work after the workspace was entered again, and see the fresh store."""
    done = subprocess.run(
        [sys.executable, "-c", TWICE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(workspace.__file__).parents[1])},
    )
    assert done.stdout.split() == ["1", "1"], done.stderr


def test_given_folder_is_the_workspace_and_is_emptied(tmp_path, monkeypatch):
    """`$LAB_WORKSPACE` may be a mount point: the folder stays, its content goes, its link targets stay."""
    (tmp_path / "outside.txt").write_text("keep")
    given = tmp_path / "given"
    (given / "old").mkdir(parents=True)
    (given / "link").symlink_to(tmp_path / "outside.txt")
    (given / "folder").symlink_to(tmp_path)
    monkeypatch.setenv("LAB_WORKSPACE", str(given))
    inode = given.stat().st_ino
    assert enter("01_tracking") == enter("01_tracking") == given
    assert given.stat().st_ino == inode
    assert sorted(path.name for path in given.iterdir() if not path.name.startswith(".")) == ["mlflow.db"]
    assert (tmp_path / "outside.txt").read_text() == "keep"


def test_somebodys_repository_is_not_emptied(tmp_path, monkeypatch):
    """A folder with a git history that is not a workspace's is refused and left as it was."""
    subprocess.run(["git", "init", "--quiet", tmp_path / "theirs"], check=True)
    monkeypatch.setenv("LAB_WORKSPACE", str(tmp_path / "theirs"))
    with pytest.raises(WorkspaceError, match="holds more than a workspace"):
        enter("01_tracking")
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == [".git"]


@pytest.mark.parametrize("folder", [Path("/"), Path.home(), Path.home().parent, Path(workspace.__file__).parents[1]])
def test_home_and_checkout_are_precious(folder):
    """These are refused too; the rule itself is asked, lest a mistake in it empty them here."""
    assert workspace._precious(folder)


@pytest.mark.parametrize("module", ["", "../up", "a/b", ".hidden", "a b"])
def test_name_that_is_no_folder_name_is_refused(module):
    """A module's name is one plain folder name."""
    with pytest.raises(WorkspaceError, match="cannot name a workspace"):
        enter(module)


def test_missing_git_is_said(monkeypatch):
    """Without git the message says what to install."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(WorkspaceError, match="git is not installed"):
        enter("01_tracking")


def test_folder_that_cannot_be_made_is_said(tmp_path, monkeypatch):
    """A file where the folder should be is named with the way out."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LAB_WORKSPACE", str(tmp_path / "file" / "lab"))
    with pytest.raises(WorkspaceError, match=r"cannot be made.*LAB_WORKSPACE"):
        enter("01_tracking")


def test_nothing_is_printed(capfd):
    """The set-up cell decides what a learner sees."""
    enter("01_tracking")
    assert capfd.readouterr() == ("", "")
