"""What a student may be called: a name that is safe as a file name and in a spreadsheet."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter


def student_ids(names: list[str]) -> dict[str, str]:
    """A student id for each folder name; a name that has to be changed for it never takes another student's."""
    taken = Counter(map(student_id, names))
    return {
        name: student_id(name)
        if taken[student_id(name)] == 1 or student_id(name) == name
        else f"{student_id(name)}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}"
        for name in names
    }


def student_id(name: str) -> str:
    """A student id that is safe as a file name and in a spreadsheet."""
    return re.sub(r"[^\w.@ -]", "_", name).lstrip("=+-@. ")[:80] or "unnamed"
