"""A step's script in a real shell, in which no program is real: each only notes that it was called, and may fail."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lib.errors import WorkflowError

LIMIT_S = 10.0
_MOST_OUTPUT = 100_000
_WORD = re.compile(r"[\w./+-]*[\w+-]")
# A program of the rehearsal, in bash's own commands alone. It drains what is piped to it, notes its command line, and
# fails when a line of `failing` names it: the program, then words that must all follow, in any order (`make test`).
_PROGRAM = r"""
if [ -p /dev/stdin ]; then while IFS= read -r _; do :; done; fi
set -f
words=(${0##*/} $*)
ignores=
if [ "${words[0]}" = make ]; then
  for word in "$@"; do
    case "$word" in
      --dry-run|--just-print|--recon|--question|--touch|-[nqt]) exit 0 ;;
      --ignore-errors|-i) ignores=yes ;;
    esac
  done
fi
printf '%s\n' "${words[*]}" >> "$REHEARSAL/ran"
while IFS= read -r line; do
  wanted=($line)
  after=
  found=0
  for word in "${words[@]}"; do
    if [ -z "$after" ]; then
      [ "${word##*/}" = "${wanted[0]}" ] && after=yes
    else
      for ((i = 1; i < ${#wanted[@]}; i++)); do [ "$word" = "${wanted[i]}" ] && found=$((found + 1)); done
    fi
  done
  if [ -n "$after" ] && [ "$found" -ge $((${#wanted[@]} - 1)) ] && [ -z "$ignores" ]; then exit 1; fi
done < "$REHEARSAL/failing"
exit 0
"""


@dataclass(frozen=True)
class Ran:
    """How a script ended, the command lines that it called, and what it printed."""

    code: int
    commands: tuple[str, ...]
    printed: str


def names(command: str, wanted: str) -> bool:
    """Whether a command line calls what `wanted` names: the program, and all further words behind it.

    >>> names("timeout 9m make -j2 lint test", "make test"), names("make retest", "make test")
    (True, False)
    """
    words, (program, *more) = command.split(), wanted.split()
    places = [place for place, word in enumerate(words) if word.rpartition("/")[2] == program]
    return bool(places) and set(more) <= set(words[places[0] + 1 :])


class Shell:
    """A folder that scripts run in; nothing on PATH but the programs that they name, none of which does anything."""

    def __init__(self, folder: Path, failing: Iterable[str]) -> None:
        bash = shutil.which("bash")
        if bash is None:
            raise WorkflowError("there is no bash on PATH, and a workflow's steps are run in it. Install bash.")
        self._bash, self._folder, self._work = bash, folder, folder / "work"
        self._programs = folder / "bin"
        for made in (self._work, self._programs):
            made.mkdir()
        (folder / "failing").write_text("".join(f"{command}\n" for command in failing))
        program = folder / "program"
        program.write_text(f"#!{bash}\n{_PROGRAM}")
        program.chmod(0o755)
        self._builtins = _own_words(bash)
        self.files = {name: folder / name for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STEP_SUMMARY")}

    def run(self, script: str, *, shell: str | None, environment: Mapping[str, str]) -> Ran:
        """Run `script` as a step with this `shell` is run; WorkflowError for a shell that is no bash or sh."""
        self._provide(" ".join([script, *environment.values()]))
        for path in (self._folder / "ran", *self.files.values()):
            path.write_text("")
        (self._folder / "script").write_text(script)
        known = {"PATH": str(self._programs), "HOME": str(self._work), "REHEARSAL": str(self._folder), "CI": "true"}
        files = {name: str(path) for name, path in self.files.items()}
        process = subprocess.Popen(
            self._command(shell), cwd=self._work, env={**environment, **known, **files}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            printed, _ = process.communicate(timeout=LIMIT_S)
            code = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            printed, _ = process.communicate()
            code = 124
        ran = (self._folder / "ran").read_text(errors="replace").splitlines()
        return Ran(code=code, commands=tuple(ran), printed=printed[:_MOST_OUTPUT].decode(errors="replace"))

    def _command(self, shell: str | None) -> list[str]:
        """GitHub's own command for each shell: without one `bash -e`, for `bash` also pipefail, else as written."""
        script = str(self._folder / "script")
        given = {None: "bash -e {0}", "bash": "bash --noprofile --norc -eo pipefail {0}", "sh": "sh -e {0}"}
        words = shlex.split(given.get(shell, str(shell)))
        if not words or words[0].rpartition("/")[2] not in ("bash", "sh") or "{0}" not in words:
            raise WorkflowError(f"shell: {shell} cannot be rehearsed here. Use bash, or leave it out.")
        return [self._bash, *(script if word == "{0}" else word for word in words[1:])]

    def _provide(self, text: str) -> None:
        """A program for each word of the text that is none of bash's own."""
        for word in set(_WORD.findall(text)) - self._builtins:
            path = (self._work if "/" in word else self._programs) / word
            if word.startswith("/") or ".." in word.split("/") or path.exists():
                continue
            with contextlib.suppress(OSError):  # too long, or below a file: then it is no program
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(self._folder / "program")


@contextlib.contextmanager
def rehearsal_shell(failing: Iterable[str] = ()) -> Iterator[Shell]:
    """A shell in a folder of its own, in which the commands that `failing` names end with 1."""
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        yield Shell(Path(folder).resolve(), failing)


@functools.cache
def _own_words(bash: str) -> frozenset[str]:
    listed = subprocess.run([bash, "-c", "compgen -b -k"], capture_output=True, text=True, check=True)
    return frozenset(listed.stdout.split())
