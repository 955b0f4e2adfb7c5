"""Data versions on DVC: a snapshot gives a file's content a name under which it can be fetched again and compared."""

from lib.versioning.compare import Diff, Move, diff
from lib.versioning.remote import pull, push
from lib.versioning.snapshots import DataVersion, fetch, snapshot, versions
from lib.versioning.withdraw import withdraw

__all__ = ["DataVersion", "Diff", "Move", "diff", "fetch", "pull", "push", "snapshot", "versions", "withdraw"]
