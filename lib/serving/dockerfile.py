"""What a Dockerfile would ship, read without building it: files, packages, user, start, health check, secrets.

It knows what servers in Python need, not all of Docker: an instruction that it cannot follow is a fault.
Source: the Dockerfile reference (docs.docker.com/reference/dockerfile).
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch

from lib.serving.dockerfile_commands import Install, Server, commands, installs, server

_WORDS = {
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "SHELL",
    "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
}  # fmt: skip
_SECRET = {"password", "passwd", "pass", "pwd", "secret", "token", "key", "apikey", "credential", "credentials"}
_PAIR = re.compile(r"""([A-Za-z_]\w*)[=]("[^"]*"|'[^']*'|[^\s;&|"',\]]+)""")
_PASSWORD_IN_URL = re.compile(r"://[^/\s:@$]+:[^@\s/$]+@")


@dataclass(frozen=True)
class Image:
    """What is in the image. `unpinned` are bases without a fixed version, `files` the path of each file → its place.

    `user` is None for root; `health` is the text of the check, None without one; `lock_first` says whether the packages
    were installed before the code came; `secrets` and `faults` are sentences.
    """

    unpinned: tuple[str, ...]
    files: dict[str, str]
    installs: tuple[Install, ...]
    lock_first: bool
    user: str | None
    server: Server | None
    shell: bool
    health: str | None
    secrets: tuple[str, ...]
    faults: tuple[str, ...]


@dataclass
class _Stage:
    base: str
    name: str
    parent: _Stage | None
    variables: dict[str, str]
    place: str = "/"
    files: dict[str, str] = field(default_factory=dict)
    installs: list[Install] = field(default_factory=list)
    made_users: set[str] = field(default_factory=set)
    user: str = ""
    entrypoint: str = ""
    command: str = ""
    health: str | None = None
    code_came: bool = False
    lock_first: bool = True
    sources: list[_Stage] = field(default_factory=list)


def inspect_image(text: str, folder: Sequence[str], *, lock: str = "requirements.lock", code: str = "app.py") -> Image:
    """Read the Dockerfile `text`, to be built in a folder that holds the paths `folder`; raises for no content."""
    steps = _instructions(text)
    reader = _Reader(folder, lock, code)
    for word, rest in steps:
        reader.take(word, rest)
    last = reader.stages[-1] if reader.stages else _Stage("", "", None, {})
    faults = list(reader.faults) if reader.stages else ["there is no FROM line"]
    parts = _built_from(last)
    shell, program = _start(last)
    found = [each for stage in parts for each in stage.installs]
    if program is None:
        faults.append("nothing starts a server: CMD is missing, or starts something else")
    return Image(
        unpinned=tuple(stage.base for stage in parts if stage.parent is None and not _pinned(stage.base)),
        files=last.files,
        installs=tuple(found),
        lock_first=bool(found) and all(stage.lock_first for stage in parts if stage.installs),
        user=_user(last),
        server=program,
        shell=shell,
        health=last.health,
        secrets=tuple(_secrets(steps)),
        faults=tuple(faults),
    )


def _instructions(text: str) -> list[tuple[str, str]]:
    """Each instruction as (WORD, rest): no comments, continued lines joined, the body of a heredoc after a newline."""
    found: list[tuple[str, str]] = []
    lines = iter(text.splitlines())
    for raw in lines:
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        while line.endswith("\\"):
            following = next(lines, "").strip()
            line = line[:-1].rstrip() + (" " + following if not following.startswith("#") else " \\")
        ends = re.findall(r"<<-?[\"']?(\w+)[\"']?", line)
        body: list[str] = []
        for end in ends:
            while (inner := next(lines, end)).strip() != end:
                body.append(inner.strip())
        word, *rest = line.split(None, 1)
        found.append((word.upper(), "\n".join([rest[0] if rest else "", *body])))
    return found


@dataclass
class _Reader:
    """The stages so far; `lock` and `code` are the paths in `folder` of the pinned packages and of the program."""

    folder: Sequence[str]
    lock: str
    code: str
    stages: list[_Stage] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    outer: dict[str, str] = field(default_factory=dict)

    def take(self, word: str, rest: str) -> None:
        """Follow one instruction."""
        if word == "FROM":
            self.stages.append(self._stage(rest))
        elif not self.stages and word == "ARG":
            self.outer.update(_assignments(rest))
        elif not self.stages or word not in _WORDS:
            self.faults.append(f"{word} {rest[:40]}: not understood here")
        else:
            self._follow(self.stages[-1], word, rest)

    def _stage(self, rest: str) -> _Stage:
        parts = [part for part in rest.split() if not part.startswith("--")]
        base = _filled(parts[0], self.outer) if parts else ""
        name = parts[2].lower() if len(parts) == 3 and parts[1].lower() == "as" else ""
        parent = next((stage for stage in self.stages if stage.name and stage.name == base.lower()), None)
        if parent is None:
            return _Stage(base, name, None, {})
        return replace(
            parent, base=base, name=name, parent=parent, sources=[parent], installs=[], lock_first=True,
            variables=dict(parent.variables), files=dict(parent.files), made_users=set(parent.made_users),
        )  # fmt: skip

    def _follow(self, stage: _Stage, word: str, rest: str) -> None:
        plain = _filled(rest.strip().strip("\"'"), stage.variables)
        if word in ("ENV", "ARG"):
            stage.variables.update(_assignments(rest))
        elif word == "WORKDIR":
            stage.place = posixpath.join(stage.place, plain)
        elif word == "USER":
            stage.user = plain.strip("\"'")
        elif word == "ENTRYPOINT":
            stage.entrypoint, stage.command = rest, ""
        elif word == "CMD":
            stage.command = rest
        elif word == "HEALTHCHECK":
            stage.health = None if rest.strip().upper() == "NONE" else rest
        elif word in ("COPY", "ADD"):
            self._copy(stage, rest)
        elif word == "RUN":
            self._run(stage, rest)

    def _copy(self, stage: _Stage, rest: str) -> None:
        options, rest = _options(rest)
        plain = _json_list(rest) or _split(_filled(rest, stage.variables))
        if "<<" in rest or len(plain) < 2:
            self.faults.append(f"COPY {rest[:40]}: only files of the folder, or of another stage, can be followed")
            return
        *sources, place = plain
        if any("://" in source or source.startswith("git@") for source in sources):
            self.faults.append(f"{' '.join(sources)[:60]} comes from elsewhere, where it may change")
            return
        known = self._named(options.get("from"))
        if "from" not in options:
            new = _placed({path: path for path in self.folder}, sources, stage, place)
        elif known is None:
            return  # an image from elsewhere brings no file of the folder
        else:
            stage.sources.append(known)
            new = _placed({path: where.lstrip("/") for path, where in known.files.items()}, sources, stage, place)
        stage.files.update(new)
        stage.code_came |= any(path == self.code or path.startswith("lib/") for path in new)

    def _run(self, stage: _Stage, rest: str) -> None:
        locks = {posixpath.basename(place) for path, place in stage.files.items() if path == self.lock}
        for mount in re.findall(r"--mount=(\S+)", rest):
            locks |= self._mounted(stage, dict(part.partition("=")[::2] for part in mount.split(",")))
        rest = re.sub(r"--(mount|network|security)=\S+\s*", "", rest)
        listed = _json_list(rest)
        for line in [listed] if listed else [line for part in rest.split("\n") for line in commands(part)]:
            if posixpath.basename(line[0]) in ("useradd", "adduser"):
                stage.made_users.update(part for part in line[1:] if not part.startswith("-"))
            new = installs(line, locks, stage.variables)
            stage.lock_first &= not (new and stage.code_came)
            stage.installs += new

    def _mounted(self, stage: _Stage, about: dict[str, str]) -> set[str]:
        """The name under which a mount shows the lock, if it does."""
        if about.get("type", "bind") != "bind":
            return set()
        source, target = about.get("source", about.get("src", "")), about.get("target", about.get("dst", ""))
        known = self._named(about.get("from"))
        if known is not None:
            stage.sources.append(known)
        elif "from" not in about and source in ("", ".", "/"):
            self.faults.append("a RUN line sees the whole folder, and what it copies from there cannot be followed")
        elif source == self.lock:
            return {posixpath.basename(target or self.lock)}
        return set()

    def _named(self, origin: str | None) -> _Stage | None:
        """The earlier stage that `--from` means, by name or number."""
        if origin is None:
            return None
        if origin.isdigit() and int(origin) < len(self.stages) - 1:
            return self.stages[int(origin)]
        return next((stage for stage in self.stages[:-1] if stage.name == origin.lower()), None)


def _placed(there: dict[str, str], sources: list[str], stage: _Stage, place: str) -> dict[str, str]:
    """Path in the folder → place in the image, of what `sources` name among `there` (path in the folder → its name)."""
    target = posixpath.join(stage.place, place)
    is_folder = place.endswith("/") or len(sources) > 1 or posixpath.normpath(target) == posixpath.normpath(stage.place)
    found: dict[str, str] = {}
    for source in (posixpath.normpath(each.strip("/") or ".") for each in sources):
        for path, name in there.items():
            if source == "." or name.startswith(source + "/"):
                inside = name if source == "." else name[len(source) + 1 :]
                found[path] = posixpath.normpath(posixpath.join(target, inside))
            elif fnmatch(name, source) and name.count("/") == source.count("/"):
                inside = posixpath.basename(name) if is_folder else ""
                found[path] = posixpath.normpath(posixpath.join(target, inside))
            elif any(char in source for char in "*?["):
                folders = [
                    part for part in _above(name) if fnmatch(part, source) and part.count("/") == source.count("/")
                ]
                if folders:
                    found[path] = posixpath.normpath(posixpath.join(target, name[len(folders[0]) + 1 :]))
    return found


def _built_from(stage: _Stage) -> list[_Stage]:
    """The stage and all whose files it has taken, each once."""
    found = [stage]
    for each in found:
        found += [source for source in each.sources if source not in found]
    return found


def _start(stage: _Stage) -> tuple[bool, Server | None]:
    """Whether a shell stands between Docker and the server, and the server."""
    first, second = _json_list(stage.entrypoint), _json_list(stage.command)
    words = [*first, *second] if first or not stage.entrypoint else []
    text = stage.entrypoint if stage.entrypoint and not first else stage.command if not (first or second) else ""
    if words and posixpath.basename(words[0]) in ("sh", "bash", "dash", "ash") and "-c" in words:
        text, words = words[words.index("-c") + 1] if words[-1] != "-c" else "", []
    if text:
        return not text.strip().startswith("exec "), server(_split(text.strip().removeprefix("exec ")), stage.variables)
    return False, server(words, stage.variables)


def _user(stage: _Stage) -> str | None:
    name = stage.user.split(":")[0]
    if name.isdigit():
        return None if int(name) == 0 else name
    known = stage.made_users | {"nobody", "www-data", "nonroot"}
    return name if name and name != "root" and name in known else None


def _pinned(base: str) -> bool:
    tag = base.rpartition("/")[2].partition(":")[2]
    return "$" not in base and ("@sha256:" in base or bool(re.search(r"\d+\.\d+|\d{8}", tag)))


def _secrets(steps: list[tuple[str, str]]) -> list[str]:
    """A sentence for each line in which a secret stands."""
    found = []
    for word, rest in steps:
        pairs = [(name, value.strip("\"'")) for name, value in _PAIR.findall(rest)]
        if word == "ENV" and "=" not in rest.split(None, 1)[0] and len(rest.split(None, 1)) == 2:
            pairs.append((rest.split(None, 1)[0], rest.split(None, 1)[1]))
        named = [name for name, value in pairs if _is_secret(name, value)]
        if named or _PASSWORD_IN_URL.search(rest):
            found.append(f"{word} {' '.join(named) or rest[:30]}: a secret stands in this line")
    return found


def _is_secret(name: str, value: str) -> bool:
    parts = name.lower().split("_")
    return bool(_SECRET & set(parts)) and parts[-1] != "file" and bool(value) and not value.startswith("$")


def _options(rest: str) -> tuple[dict[str, str], str]:
    options: dict[str, str] = {}
    rest = rest.strip()
    while rest.startswith("--"):
        option, _, rest = rest.partition(" ")
        name, _, value = option[2:].partition("=")
        options[name], rest = value, rest.strip()
    return options, rest


def _assignments(rest: str) -> dict[str, str]:
    pairs = {name: value.strip("\"'") for name, value in _PAIR.findall(rest)}
    if not pairs and len(rest.split(None, 1)) == 2:
        pairs[rest.split(None, 1)[0]] = rest.split(None, 1)[1].strip()
    return pairs


def _filled(text: str, variables: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        return variables.get(match[1] or match[3]) or match[2] or match[0]

    return re.sub(r"\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))", value, text)


def _json_list(rest: str) -> list[str]:
    try:
        found = json.loads(rest)
    except ValueError:
        return []
    return [str(each) for each in found] if isinstance(found, list) else []


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:number]) for number in range(1, len(parts))]
