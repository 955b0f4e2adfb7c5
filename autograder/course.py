"""`course.toml`: the modules of a course, their points, limits and grading parameters."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from autograder.errors import GraderError
from autograder.late import LatePolicy
from autograder.models import RUBRICS, Rubric

SECRET_VARIABLE = "AUTOGRADER_SECRET"  # noqa: S105 - the name of a variable


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(_Frozen):
    """What one submission may use: wall-clock seconds (a cell, a remote call, an `examine`, all together) and the rest.

    `memory_mb` is that of all its processes together, `processes` counts threads, `disk_mb` is that of each place
    it can write to, `output_mb` is what its cells may print together.
    """

    cell_s: float = 30
    call_s: float = 15
    examine_s: float = 30
    total_s: float = 600
    memory_mb: int = 4_096
    processes: int = 256
    disk_mb: int = 512
    output_mb: float = 10


class Module(_Frozen):
    """One module; `parameters` are injected when grading, in place of the notebook's own defaults.

    `preload` is what its notebook imports beside the course's: imported once, when its first submission comes.
    `due` carries its offset from UTC (2026-10-12T23:59:00Z); `late` stands in place of the course's.

    `source` is set when it is not `solutions/<id>.py`: the path of a source notebook of nbgrader's. The course's core
    can be graded, and summed, without the others.
    """

    id: Annotated[str, Field(pattern=r"^\w[\w. -]*$")]
    title: str
    source: str = ""
    parameters: dict[str, int | float | str | bool] = {}
    limits: Limits = Limits()
    preload: tuple[str, ...] = ()
    due: AwareDatetime | None = None
    late: LatePolicy | None = None
    core: bool = True


class Language(_Frozen):
    """A second language: `notebooks` are the pages and modules that it has, from `solutions/<language>/<id>.py`."""

    notebooks: tuple[str, ...]


class Course(_Frozen):
    """A course directory: `solutions/` with this file and the sources, `labs/` with what is built from them.

    `pages` are notebooks without points, `labs/<page>.ipynb`, each made from `solutions/<page>.py`.
    `languages` are those of its notebooks besides English: their code is the same, and each has a folder in `labs/`.
    `submissions` is a folder in it that holds known right and wrong answers, `<module>/alt_*.py` and `wrong_*.py`.
    """

    title: str
    rubric: dict[Rubric, float] = {"theory": 30, "code": 30, "results": 30, "report": 10}
    theory_share: tuple[float, float] | None = None
    preload: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    release: tuple[str, ...] = ()
    late: LatePolicy | None = None
    pages: tuple[str, ...] = ()
    languages: dict[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], Language] = {}
    submissions: str | None = None
    hostile: str | None = None
    modules: tuple[Module, ...]
    root: Path = Path()

    @model_validator(mode="after")
    def _translate_what_there_is(self) -> Course:
        known = {*self.pages, *(module.id for module in self.modules)}
        for code, language in self.languages.items():
            if unknown := sorted({*language.notebooks} - known):
                raise ValueError(f"languages.{code}: {', '.join(unknown)} is neither a page nor a module")
        return self

    @property
    def rubrics(self) -> tuple[Rubric, ...]:
        """The names of the rubric's lines, in the order of tables."""
        return tuple(name for name in RUBRICS if name in self.rubric)

    def __getitem__(self, module_id: str) -> Module:
        for module in self.modules:
            if module.id == module_id:
                return module
        known = ", ".join(module.id for module in self.modules)
        raise GraderError(f"there is no module {module_id!r} in course.toml; it has {known}")

    def late_policy(self, module: str) -> LatePolicy:
        """The module's own late policy, else the course's, else one that costs nothing."""
        return self[module].late or self.late or LatePolicy(per_day=0)

    def preloads(self, modules: Iterable[str]) -> tuple[str, ...]:
        """What notebooks of these modules import, each name once."""
        return tuple(dict.fromkeys((*self.preload, *(name for module in modules for name in self[module].preload))))

    def source(self, module: str) -> Path:
        return self.root / "solutions" / (self[module].source or f"{module}.py")

    def instructor_notebook(self, module: str) -> Path:
        return self.root / "solutions" / module / f"{module}.ipynb"

    def student_notebook(self, module: str) -> Path:
        return self.root / "labs" / module / f"{module}.ipynb"

    def page_source(self, page: str) -> Path:
        return self.root / "solutions" / f"{page}.py"

    def page(self, page: str) -> Path:
        return self.root / "labs" / f"{page}.ipynb"

    def translation_source(self, language: str, notebook: str) -> Path:
        return self.root / "solutions" / language / f"{notebook}.py"

    def translated_notebook(self, language: str, notebook: str) -> Path:
        """Where a page or module of a language lies: in a folder of its own in `labs/`, laid out as that is."""
        english = self.page(notebook) if notebook in self.pages else self.student_notebook(notebook)
        return self.root / "labs" / language / english.relative_to(self.root / "labs")


def load_course(root: Path | str = ".") -> Course:
    """Read `<root>/solutions/course.toml`; a key that is misspelt or missing is a GraderError that names it."""
    root = Path(root).resolve()
    path = root / "solutions" / "course.toml"
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise GraderError(
            f"no course here: {path} does not exist. Run from the course's folder or pass --course"
        ) from None
    try:
        return Course.model_validate({**tomllib.loads(text), "root": root})
    except tomllib.TOMLDecodeError as error:
        raise GraderError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise GraderError(f"{path}: {problems}") from error


def course_secret(course: Course) -> bytes:
    """The key from which hidden seeds are drawn: $AUTOGRADER_SECRET, else a random one kept in `out/secret`."""
    if value := os.environ.get(SECRET_VARIABLE):
        return value.encode()
    path = course.root / "out" / "secret"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_hex(32).encode())
        except FileExistsError:
            pass  # another grader made it first: theirs is the course's secret
        return path.read_bytes()


def draw_seed(secret: bytes, *names: str) -> int:
    """A 62-bit seed for `names` (student, module, check): the same names give the same seed, nobody else can tell it.

    >>> draw_seed(b"k", "an", "01", "code-a") == draw_seed(b"k", "an", "01", "code-a")
    True
    >>> draw_seed(b"k", "an", "01", "code-a") == draw_seed(b"k", "binh", "01", "code-a")
    False
    """
    digest = hmac.new(secret, "\0".join(names).encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") >> 2
