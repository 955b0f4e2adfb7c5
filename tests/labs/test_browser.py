"""The labs as a learner meets them: JupyterLab from `make lab`, in a real browser."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import nbformat
import pytest
from playwright.sync_api import ConsoleMessage, Page, Response, sync_playwright

from autograder.build import load_lab, student_notebook
from autograder.course import load_course
from autograder.source import read_cells
from tests.labs.submissions import COURSE, MODULES, ROOT
from tests.require import chromium

START = "00_start_here"
WAIT_MS = 240_000  # for what takes seconds on a quiet machine
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
TINY = load_course(ROOT / "tests" / "courses" / "tiny")
READ = "() => jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells"
RUN_ALL = """() => { window.ran = false; jupyterapp.commands.execute("notebook:run-all-cells")
    .then(() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestKernelInfo())
    .then(() => { window.ran = true; }); }"""
GO_TO = """id => { const notebook = jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = [...notebook.model.cells].findIndex(cell => cell.id === id);
    notebook.mode = "command"; notebook.node.focus(); return notebook.scrollToItem(notebook.activeCellIndex); }"""
KERNEL = "() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The course's folder as a learner has it, with labs that may be written in."""
    folder = tmp_path_factory.mktemp("desk")
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "lib", ".jupyter", ".ci", ".venv"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "labs", folder / "labs", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    return folder


@pytest.fixture(scope="module")
def address(desk: Path) -> Iterator[str]:
    """Where `make lab` answers; what it starts is stopped at the end, kernels too."""
    chromium()  # without a browser there is nothing to serve
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    options = "--no-browser --IdentityProvider.token= --LabApp.expose_app_in_browser=True"
    mine = {name: str(desk / "jupyter" / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    with (desk / "lab.log").open("w") as log:
        server = subprocess.Popen(
            # The environment that the tests run in is ready, whatever was changed since it was made.
            ["make", "-o", ".venv/.ready", "lab", f"PORT={port}", f"LAB_OPTIONS={options}"],
            cwd=desk, env={**os.environ, **mine}, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        while not answers(f"{url}/api"):
            assert server.poll() is None, (desk / "lab.log").read_text()
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def answers(url: str) -> bool:
    """Whether a server answers there."""
    try:
        with urlopen(url, timeout=10):
            return True
    except (URLError, ConnectionError, TimeoutError):
        return False


@pytest.fixture(scope="module")
def jupyter(address: str) -> Iterator[tuple[Page, list[str]]]:
    """JupyterLab on the page on which `make lab` opens it, and the list of what its console says."""
    noises: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: noises.extend(complaint(message)))
        page.on("pageerror", lambda error: noises.append(f"error {error}"))
        page.on("response", lambda response: noises.extend(refusal(response)))
        page.on("request", lambda request: noises.extend([request.url] if abroad(request.url) else []))
        page.goto(f"{address}/lab/tree/{START}.ipynb")
        until(page, "() => window.jupyterapp?.shell.currentWidget?.content.model")
        yield page, noises
        browser.close()


@pytest.fixture
def lab(jupyter: tuple[Page, list[str]]) -> Iterator[Page]:
    """The page; the test fails at its end if the console complained, a request was refused or one left the machine."""
    page, noises = jupyter
    noises.clear()
    yield page
    assert noises == []


def complaint(message: ConsoleMessage) -> list[str]:
    """An error on the console; a refused request is told by `refusal`, which knows its address."""
    told = message.type == "error" and not message.text.startswith("Failed to load resource:")
    return [f"console {message.text}"] if told else []


def refusal(response: Response) -> list[str]:
    """A request that failed.

    One is let pass: while a kernel starts, Jupyter Server 2 answers a look at the list of kernels with 500 ("the
    'last_activity' trait … expected a datetime, not the NoneType None"); JupyterLab asks again by itself.
    """
    passes = response.status == 500 and urlsplit(response.url).path == "/api/kernels"
    return [f"{response.status} {response.url}"] if response.status >= 400 and not passes else []


def abroad(url: str) -> bool:
    """Whether an address is on another machine."""
    return not url.startswith(("http://127.0.0.1:", "data:", "blob:"))


def until(page: Page, condition: str, argument: object = None) -> None:
    """Wait until a function of the page says so; asked five times a second, for each frame drawn would cost a core."""
    page.wait_for_function(condition, arg=argument, polling=200)


def open_lab(page: Page, path: str) -> None:
    """Open a notebook and wait until its kernel has answered."""
    page.evaluate("path => jupyterapp.commands.execute('docmanager:open', {path}).then(() => undefined)", path)
    until(page, f"path => jupyterapp.shell.currentWidget.context?.path === path && ({KERNEL})() === 'idle'", path)


def close_lab(page: Page) -> None:
    """Shut the kernel down and close the tab, without saving."""
    page.evaluate("""async () => { const lab = jupyterapp.shell.currentWidget;
        await lab.context.revert(); await lab.sessionContext.shutdown(); lab.close(); }""")


def run_all(page: Page) -> dict[str, dict[str, Any]]:
    """Run all cells; returns the code cells by id, outputs included."""
    page.evaluate(RUN_ALL)
    until(page, "() => window.ran")
    assert page.evaluate(KERNEL) == "idle"
    return code_cells(page)


def code_cells(page: Page) -> dict[str, dict[str, Any]]:
    """The code cells of the notebook in front, by id."""
    return {cell["id"]: cell for cell in page.evaluate(READ) if cell["cell_type"] == "code"}


def errors(cell: dict[str, Any]) -> list[str]:
    """The errors that a cell shows, as class names and messages."""
    return [f"{output['ename']}: {output['evalue']}" for output in cell["outputs"] if output["output_type"] == "error"]


def printed(cell: dict[str, Any]) -> list[str]:
    """The lines that a cell printed."""
    return "".join("".join(output.get("text", ())) for output in cell["outputs"]).splitlines()


def type_and_run(page: Page, cell: str, text: str | None = None) -> None:
    """Write `text` into a cell, as one who pastes it, and run it with the keyboard."""
    before = code_cells(page)[cell]["execution_count"]
    page.evaluate(GO_TO, cell)
    if text is not None:
        page.keyboard.press("Enter")
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(text)
    page.keyboard.press("Control+Enter")
    until(
        page,
        """([id, before]) => { const cells = [...jupyterapp.shell.currentWidget.content.model.cells];
        const cell = cells.find(each => each.id === id), count = cell.executionCount;
        return count !== null && count !== before && cell.executionState === "idle"; }""",
        [cell, before],
    )


def test_the_start_page_says_that_all_is_ready(lab: Page) -> None:
    """The first page runs from the top: the machine is ready, the sample check is open, each lab has its row."""
    open_lab(lab, f"{START}.ipynb")
    cells = run_all(lab)
    assert printed(cells["setup-check"])[-1] == "ready", printed(cells["setup-check"])
    assert "Not yet" in lab.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").inner_text()
    type_and_run(lab, "try-answer", "houses = [1, 2, 9]\n\n\ndef typical_price(prices):\n    return 310_000\n")
    type_and_run(lab, "try-check")
    assert errors(code_cells(lab)["try-check"]) == []
    rows = lab.locator(".jp-OutputArea-output table tr")
    assert rows.count() == len(MODULES) + 1


def test_an_unfilled_lab_runs_and_answers_turn_its_checks(lab: Page) -> None:
    """Module 01: red turns to passed for a question and a task that are typed in; saved, the start page counts them."""
    open_lab(lab, "01_tracking/01_tracking.ipynb")
    require_unfilled("01_tracking", run_all(lab))
    solution = read_cells(COURSE.source("01_tracking"))
    for task in ("theory-dirty", "code-leaks"):
        type_and_run(lab, task, solution[task])
        for check in [
            check.id for check in load_lab(COURSE, "01_tracking").with_role("check") if task in check.targets
        ]:
            assert errors(code_cells(lab)[check]) != []
            type_and_run(lab, check)
            assert errors(code_cells(lab)[check]) == []
    lab.keyboard.press("Control+s")
    until(lab, "() => !jupyterapp.shell.currentWidget.context.model.dirty")
    close_lab(lab)
    open_lab(lab, f"{START}.ipynb")
    run_all(lab)
    row = lab.locator(".jp-OutputArea-output tr", has_text="01 · Tracking").locator("td").all_inner_texts()
    assert row[1:] == ["1 of 8 answered", "2 of 9 checks pass", "–", "–"]


@pytest.mark.thorough
@pytest.mark.parametrize("module", MODULES[1:])
def test_an_unfilled_lab_runs_to_its_end(lab: Page, module: str) -> None:
    """Run All reaches the last cell; only checks complain, each in words for a learner; the kernel lives."""
    open_lab(lab, f"{module}/{module}.ipynb")
    require_unfilled(module, run_all(lab))
    close_lab(lab)


def require_unfilled(module: str, cells: dict[str, dict[str, Any]]) -> None:
    """Fail unless every cell of an untouched lab ran, and nothing but checks failed, with a message of the course."""
    checks = {cell.id for cell in load_lab(COURSE, module).with_role("check")}
    assert [name for name, cell in cells.items() if cell["execution_count"] is None] == []
    failing = {name: errors(cell) for name, cell in cells.items() if errors(cell)}
    assert failing.keys() <= checks
    assert {name: said for name, said in failing.items() if not said[0].startswith(("Failure: ", "Raised: "))} == {}


def test_validate_lists_what_is_open_and_says_success_of_what_is_solved(lab: Page, desk: Path) -> None:
    """nbgrader's button, on the small course: each failing check with its reason; nothing once all is right."""
    small = load_lab(TINY, "words")
    notebook, solution = student_notebook(small), read_cells(TINY.source("words"))
    (desk / "labs" / "words").mkdir()
    nbformat.write(notebook, desk / "labs" / "words" / "words.ipynb")
    open_lab(lab, "words/words.ipynb")
    assert validate(lab).count("Not yet: ") == len(small.with_role("check"))
    close_lab(lab)
    for cell in notebook.cells:
        cell.source = solution[cell.id] if cell.metadata.get("nbgrader", {}).get("solution") else cell.source
    nbformat.write(notebook, desk / "labs" / "words" / "words.ipynb")
    open_lab(lab, "words/words.ipynb")
    assert validate(lab) == "Success! Your notebook passes all the tests."
    close_lab(lab)


def validate(page: Page) -> str:
    """Press the button; returns what its dialog says and closes it."""
    page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)").get_by_role("button", name="Validate").click()
    dialog = page.locator(".jp-Dialog", has_text="Validation Results")
    said = dialog.locator(".jp-Dialog-body").inner_text()
    dialog.get_by_role("button", name="OK").click()
    return said
