"""What the commands in a Dockerfile do: which install packages and from what, and which server starts how."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

_TAKE_A_VALUE = {
    "-r", "--requirement", "-c", "--constraint", "-t", "--target", "--prefix", "-p", "--python", "-f", "--find-links",
    "--root", "--root-user-action", "--timeout", "--retries", "--cache-dir", "--only-binary", "--no-binary", "--log",
    "--progress-bar", "--platform", "-i", "--index-url", "--extra-index-url", "--trusted-host", "--cert", "--proxy",
}  # fmt: skip
_OTHER_INSTALLERS = {"poetry", "conda", "mamba", "micromamba", "pipenv", "pdm", "easy_install", "hatch"}
_SERVERS = {"uvicorn", "gunicorn", "hypercorn", "fastapi"}


@dataclass(frozen=True)
class Install:
    """A command that installs packages; `problem` says why they are not just those of the lock, and is empty if so."""

    command: str
    problem: str


@dataclass(frozen=True)
class Server:
    """A server that is started: its program, the address it listens on, whether it restarts at changed files."""

    program: str
    host: str
    port: int
    reload: bool


def commands(line: str) -> list[list[str]]:
    """The single commands of a shell line, each as its words; what only runs after a failure begins with "||"."""
    reader = shlex.shlex(line, posix=True, punctuation_chars=";&|()")
    reader.whitespace_split = True
    found: list[list[str]] = [[]]
    try:
        for word in reader:
            if set(word) <= set(";&|()"):
                found.append(["||"] if word == "||" else [])
            else:
                found[-1].append(word)
    except ValueError:
        return [line.split()]
    return [words for words in found if words]


def installs(words: Sequence[str], locks: Collection[str], variables: Mapping[str, str]) -> list[Install]:
    """The installation that a command is, if it is one; `locks` are the names under which the lock is there."""
    environment = dict(variables)
    words = list(words)
    while words and (re.match(r"\w+=", words[0]) or words[0] in ("sudo", "exec", "time", "set", "-eux")):
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    text = " ".join(words)[:60]
    if not words:
        return []
    program = posixpath.basename(words[0])
    if program in _OTHER_INSTALLERS or words[:2] in (["uv", "sync"], ["uv", "add"], ["uv", "tool"]):
        return [Install(text, "it installs what the lock does not pin")]
    if re.fullmatch(r"python[\d.]*", program) and words[1:3] == ["-m", "pip"]:
        rest = words[3:]
    elif program == "uv" and words[1:2] == ["pip"]:
        rest = words[2:]
    elif re.fullmatch(r"pip[\d.]*", program):
        rest = words[1:]
    else:
        return []
    return [Install(text, _problem(rest, locks, environment))] if "install" in rest else []


def _problem(rest: Sequence[str], locks: Collection[str], environment: Mapping[str, str]) -> str:
    files, bare = [], []
    words = iter(rest[rest.index("install") + 1 :])
    for word in words:
        name, given, value = word.partition("=")
        if name in _TAKE_A_VALUE and word.startswith("-"):
            value = value if given else next(words, "")
            files += [value] if name in ("-r", "--requirement") else []
        elif word.startswith("-r") and len(word) > 2 and not word.startswith("--"):
            files.append(word[2:])
        elif not word.startswith("-"):
            bare.append(word)
    hashed = "--require-hashes" in rest or any(
        environment.get(name, "").lower() in ("1", "true", "yes", "on")
        for name in ("PIP_REQUIRE_HASHES", "UV_REQUIRE_HASHES")
    )
    others = [file for file in files if posixpath.basename(file) not in locks]
    if bare or others:
        return f"it installs {', '.join(bare + others)}, which the lock does not pin"
    if not files:
        return "it names no lock"
    return "" if hashed else "it does not require the lock's hashes (--require-hashes)"


def server(words: Sequence[str], variables: Mapping[str, str]) -> Server | None:
    """The server that a command starts, None when it starts something else."""
    words = list(words)
    if words and re.fullmatch(r"python[\d.]*", posixpath.basename(words[0])) and "-m" in words:
        words = words[words.index("-m") + 1 :]
    if not words or (program := posixpath.basename(words[0])) not in _SERVERS:
        return None
    host, port = ("0.0.0.0", "8000") if words[:2] == ["fastapi", "run"] else ("127.0.0.1", "8000")  # noqa: S104
    host, port = variables.get("UVICORN_HOST", host), variables.get("UVICORN_PORT", port)
    for before, word in zip(["", *words], [*words, ""], strict=True):
        name, given, value = before.partition("=")
        value = value if given else word
        if name == "--host":
            host = value
        elif name == "--port":
            port = value
        elif name in ("-b", "--bind"):
            host, _, port = value.rpartition(":")
    on = variables.get("UVICORN_RELOAD", "").lower() in ("1", "true", "yes", "on")
    reload = on or "--reload" in words or words[:2] == ["fastapi", "dev"]
    return Server(program, host.strip("[]"), int(port) if port.isdigit() else 8000, reload)
