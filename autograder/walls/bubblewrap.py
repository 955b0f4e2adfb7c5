"""The command that starts a process inside bubblewrap: no network, nothing to write to, of the course only `mounts`."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from autograder.errors import GraderError

COURSE = "/course"
_STAGE = "/mnt"
_NOBODY = 65534
_TEMPORARY = "/tmp"  # noqa: S108 - inside the sandbox
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
_ETC = ("alternatives", "fonts", "group", "ld.so.cache", "localtime", "nsswitch.conf", "passwd", "ssl")
WAY_OUT = (
    "Install bubblewrap (Debian: apt-get install bubblewrap) and allow user namespaces (in a container: run it with "
    "--security-opt seccomp=unconfined; on Ubuntu: an AppArmor profile for bwrap). "
    "Only for submissions that you trust: --no-sandbox"
)


class WallsUnavailable(GraderError):
    """This system cannot build the walls; the message says what to do."""


def walled(command: list[str], *, mounts: dict[str, Path], environment: dict[str, str]) -> list[str]:
    """`command` inside a sandbox that sees the system, this Python and `mounts` (name under /course → path), read-only.

    Root gives its rights up before bubblewrap starts; folders that only root may enter are staged for it first.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise WallsUnavailable(f"bwrap is not on PATH, so student code cannot be walled in. {WAY_OUT}")
    binds = _system() | {f"{COURSE}/{name}": path for name, path in mounts.items()}
    if os.geteuid() != 0:
        return [bwrap, *_walls(binds, environment), *command]
    staged = {target: Path(_STAGE, str(number)) for number, target in enumerate(binds)}
    steps = ["set -e", f"mount -t tmpfs -o mode=755 tmpfs {_STAGE}"]
    for target, place in staged.items():
        make = "mkdir" if binds[target].is_dir() else "touch"
        steps += [f"{make} {place}", shlex.join(["mount", "--bind", str(binds[target]), str(place)])]
    drop = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--bounding-set=-all"]
    steps.append("exec " + shlex.join([*drop, "--", bwrap, *_walls(staged, environment), *command]))
    return ["unshare", "--mount", "--propagation=private", "--", "sh", "-c", "\n".join(steps)]


def _system() -> dict[str, Path]:
    found = {path: Path(path) for path in _SYSTEM if Path(path).is_dir() and not Path(path).is_symlink()}
    found |= {f"/etc/{name}": Path("/etc", name) for name in _ETC if Path("/etc", name).exists()}
    for prefix in dict.fromkeys((sys.base_prefix, sys.prefix)):
        if not any(Path(prefix).is_relative_to(path) for path in found):
            found[prefix] = Path(prefix)
    return found


def _walls(binds: dict[str, Path], environment: dict[str, str]) -> list[str]:
    options = ["--unshare-all", "--unshare-user", "--uid", str(_NOBODY), "--gid", str(_NOBODY), "--die-with-parent"]
    options += ["--new-session", "--cap-drop", "ALL", "--clearenv", "--hostname", "lab"]
    for name, value in environment.items():
        options += ["--setenv", name, value]
    options += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", _TEMPORARY, "--tmpfs", "/submission"]
    # What lies below /tmp, such as a course that somebody cloned there, is shown in a folder that nobody can rename.
    tops = {str(Path(*Path(target).parts[:3])) for target in binds if target.startswith(f"{_TEMPORARY}/")} - set(binds)
    for top in tops:
        options += ["--tmpfs", top]
    for target, source in binds.items():
        options += ["--ro-bind", str(source), target]
    for path in _SYSTEM:
        if Path(path).is_symlink():
            options += ["--symlink", str(Path(path).readlink()), path]
    options += ["--dir", "/var", "--symlink", "../tmp", "/var/tmp"]  # noqa: S108
    for path in (*tops, "/dev", "/"):
        options += ["--remount-ro", path]
    return [*options, "--chdir", "/submission"]
