"""The pages in a real browser: they draw, fit, ask nobody for anything and run nothing."""

from __future__ import annotations

import base64
import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_output
from playwright.sync_api import Browser, Page, sync_playwright

from autograder.build import load_lab
from autograder.course import Course
from autograder.late import LatePolicy
from autograder.models import Outcome
from autograder.report import read_grades, rewrite_report, write_report
from tests.autograder.classes import a_class, graded
from tests.require import chromium

ROOT = Path(__file__).parents[2]
ATTACK = "</title></style></pre><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>"
NAMES = [
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "%2e%2e%2fx",
    "{{ 7*7 }}{% raw %}",
    "\u202etxt.exe",
    "=HYPERLINK('x')",
    "#top?x=1",
    "Võ Thị An",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def tab(browser: Browser) -> tuple[Page, list[str]]:
    """A page, and the list of what it says, runs and asks for."""
    page, noises = browser.new_page(), []
    page.on("dialog", lambda dialog: (noises.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("console", lambda message: noises.append(f"console {message.text}"))
    page.on("pageerror", lambda error: noises.append(f"error {error}"))
    page.on("request", lambda request: noises.append(request.url) if not request.is_navigation_request() else None)
    return page, noises


@pytest.fixture
def page(tab: tuple[Page, list[str]]) -> Iterator[Page]:
    """The page, as wide as a small screen; the test fails at its end if it said, ran or asked for anything."""
    page, noises = tab
    page.set_viewport_size({"width": 1100, "height": 800})
    page.emulate_media(color_scheme="light")
    yield page
    page.goto("about:blank")  # it ends here, and what it still had to say has come
    said, noises[:] = [*noises], []
    assert not [noise for noise in said if not noise.startswith("data:image/png;base64,")]


@pytest.fixture
def hostile(course: Course, graded: Path, tmp_path: Path) -> Path:
    """A class whose names, reasons, flags, comments, texts and outputs all try to run."""
    shutil.copytree(graded / "autograded", tmp_path / "autograded")
    lab = load_lab(course, "words")
    grades = []
    for name in NAMES:
        grade = graded_class_member(lab, name)
        grades.append(grade)
        notebook = nbformat.read(graded / "autograded" / "wrong" / "words" / "words.ipynb", as_version=4)
        cell = next(cell for cell in notebook.cells if cell.id == "code-count")
        cell.source = ATTACK
        cell.outputs = [
            new_output("stream", name="stdout", text=ATTACK),
            new_output("display_data", {"text/html": ATTACK, "text/plain": ATTACK, "image/svg+xml": ATTACK}),
            new_output("error", ename=ATTACK, evalue=ATTACK, traceback=[ATTACK]),
        ]
        path = tmp_path / "autograded" / name / "words" / "words.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)
    write_report(course, grades, tmp_path)
    return tmp_path


def graded_class_member(lab, name: str):
    """A failed submission, with attacks wherever text is shown."""
    reason = f"{ATTACK}\n  input:    {ATTACK}\n  hint:     {ATTACK}\n{ATTACK} \ud800"
    grade = graded(lab, name, {"code-count-check": Outcome.FAILED}, reason)
    return grade.model_copy(update={"flags": (ATTACK, f"{name} did it"), "comments": {"code-count": ATTACK}})


def test_hostile_class_runs_nothing(page: Page, hostile: Path) -> None:
    """Every link leads to its student's page; names and attacks are shown as text, letter by letter."""
    page.goto((hostile / "index.html").as_uri())
    links = page.locator("table a")
    assert sorted(links.all_inner_texts()) == sorted(NAMES)
    assert ATTACK in page.locator(".flags").inner_text()
    for index, name in enumerate(links.all_inner_texts()):
        page.goto((hostile / "index.html").as_uri())
        links.nth(index).click()
        assert page.locator("h1").inner_text() == name
        assert page.locator("details pre").first.inner_text() == ATTACK
        assert page.locator("dd").first.inner_text() == ATTACK
        assert page.locator("script, iframe, object, img, article svg").count() == 0


@pytest.mark.parametrize("size", [0, 1, 8, 200])
def test_class_page_draws_every_size(page: Page, course: Course, tmp_path: Path, size: int) -> None:
    """One tile a student, each picture named and described, nothing wider than a screen, a phone's too."""
    write_report(course, a_class(load_lab(course, "words"), size), tmp_path)
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for width in (390, 1100):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto((tmp_path / "index.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        drawn(page, size)


def drawn(page: Page, size: int) -> None:
    """Fail unless the class page that is open has a tile for each of `size` students, and pictures that fit."""
    assert page.locator("svg rect.total").count() == size
    assert page.locator("table a").count() == size
    pictures = page.locator("svg")
    assert pictures.count() == (3 if size else 0)
    for picture in pictures.all():
        assert picture.evaluate("svg => [...svg.children].slice(0, 2).map(e => e.tagName).join()") == "title,desc"
        box = picture.bounding_box()
        assert box is not None
        assert box["height"] < 400
        outside = """svg => { const all = svg.getBoundingClientRect();
            return [...svg.querySelectorAll("rect,circle,text")].filter(e => { const b = e.getBoundingClientRect();
            return b.left < all.left - 12 || b.right > all.right + 12 || b.bottom > all.bottom + 4; }).length }"""
        assert picture.evaluate(outside) == 0


@pytest.fixture
def two_modules(course: Course, tmp_path: Path) -> Course:
    """The tiny course twice over, the second module beside its core and long due."""
    (module,) = course.modules
    (tmp_path / "solutions").mkdir()
    for name in ("words", "more_words"):
        shutil.copy(course.source("words"), tmp_path / "solutions" / f"{name}.py")
    due = dt.datetime(2026, 10, 12, 16, 59, tzinfo=dt.UTC)
    more = {"id": "more_words", "title": "More", "core": False, "due": due, "late": LatePolicy(per_day=2)}
    modules = (module, module.model_copy(update=more))
    return course.model_copy(update={"root": tmp_path, "modules": modules})


def test_several_modules_are_laid_side_by_side(page: Page, two_modules: Course, tmp_path: Path) -> None:
    """Two modules: a common page with everybody's totals, a page each, one page a student with both; none is wide."""
    grades = [grade for name in ("words", "more_words") for grade in a_class(load_lab(two_modules, name), 12)]
    late = {"late_days": 1, "late_penalty": 2.0}
    grades[-1] = grades[-1].model_copy(update=late)
    write_report(two_modules, grades, tmp_path / "out")
    for width in (390, 1100):
        page.set_viewport_size({"width": width, "height": 800})
        for name in ("index.html", "module-words.html"):
            page.goto((tmp_path / "out" / name).as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto((tmp_path / "out" / "index.html").as_uri())
    titles = ["All modules", "Students", "What waits for you", "Late", "Answers that are alike"]
    assert page.locator("section h2").all_inner_texts() == titles
    label, dots = page.locator("svg.strips").first.locator("text.name").last, page.locator("svg.strips circle")
    assert label.bounding_box()["width"] < dots.first.bounding_box()["x"] - label.bounding_box()["x"]
    core, total = page.locator("table.totals tr", has_text="student011").locator("td").all_inner_texts()[-2:]
    ours = [grade.total for grade in grades if grade.student == "student011"]
    assert (core, total.split()[0]) == (f"{ours[0]:g}", f"{sum(ours):g}")
    assert "student011\tmore_words\t1\t2\t" in page.locator("section", has_text="points off").inner_text()
    page.get_by_role("link", name="more_words").first.click()
    assert page.locator("section h2").all_inner_texts() == ["More"]
    page.get_by_role("link", name="student003").first.click()
    assert page.locator("section h2").all_inner_texts() == ["Counting words", "More"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable(page: Page, course: Course, tmp_path: Path, scheme: str) -> None:
    """Text stands out from its ground by at least 4.5 to 1, as WCAG AA asks, in light and in dark."""
    write_report(course, a_class(load_lab(course, "words"), 8), tmp_path)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto((tmp_path / "index.html").as_uri())
    contrast = """([ink, ground]) => { const style = getComputedStyle(document.documentElement);
        const light = name => { const hex = style.getPropertyValue(name).trim().slice(1);
            const [r, g, b] = [0, 2, 4].map(i => parseInt(hex.slice(i, i + 2), 16) / 255)
                .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        const [high, low] = [light(ink), light(ground)].sort((a, b) => b - a);
        return (high + 0.05) / (low + 0.05); }"""
    pairs = [("--ink", "--card"), ("--ink", "--well"), ("--ink", "--warm"), ("--soft", "--paper"), ("--soft", "--card")]
    for ink, ground in [*pairs, ("--alarm", "--card"), ("--passed", "--card"), ("--passed", "--paper")]:
        assert page.evaluate(contrast, [ink, ground]) >= 4.5, (ink, ground)


def test_feedback_page_shows_own_work_and_pictures(page: Page, course: Course, graded: Path, tmp_path: Path) -> None:
    """A PNG that was drawn is shown, from within the page; the advice leads to the check that it names."""
    picture = base64.b64encode((ROOT / "assets" / "drift_table.png").read_bytes()).decode()
    folder = shutil.copytree(graded, tmp_path / "graded")
    path = folder / "autograded" / "wrong" / "words" / "words.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.id == "code-count")
    cell.outputs = [new_output("display_data", {"image/png": picture})]
    nbformat.write(notebook, path)
    rewrite_report(course, folder)
    page.goto((folder / "feedback" / "wrong" / "index.html").as_uri())
    assert page.locator("img").evaluate("image => image.naturalWidth") > 100
    page.get_by_role("link", name="Go there").click()
    assert page.locator("article:target").count() == 1
    assert page.locator("article:target .badge").inner_text() == "failed"
    total = next(grade.total for grade in read_grades(folder) if grade.student == "wrong")
    assert page.locator(".big").inner_text() == f"{total:g}"
