"""The boards on a real Prometheus, and the control room in a real browser, both of one server under real traffic."""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime

import numpy as np
import pytest
import requests
from playwright.sync_api import Page, sync_playwright

from lib.monitoring.actions import ManualMode
from lib.monitoring.audit import ActionLog
from lib.monitoring.catalogue import RULES
from lib.monitoring.control_room import control_room
from lib.monitoring.dashboards import dashboard
from lib.monitoring.estimate import Estimate
from lib.monitoring.figures import Figures
from lib.monitoring.manual import Fallback, Switch, guarded
from lib.monitoring.panels import BOARDS
from lib.monitoring.respond import Notice, Responder, Restraint
from lib.registry import Transition
from lib.registry.ledger import open_ledger
from lib.serving import Limits, create_app, read_predictions
from lib.serving.current import wanted_version
from lib.settings import Settings
from tests.lib.monitoring_tools import prometheus
from tests.lib.serving_tools import NAME, TEXT, WAIT_S, forest, houses, rows, serving, wait
from tests.require import chromium

HOSTILE = "</p><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>"


class Lab:
    """The server with its room, and what a monitor beside it would hold."""

    def __init__(self, folder) -> None:
        self.settings, self.bad_rows = Settings(root=folder), 0.0
        self.figures, self.log = Figures(), ActionLog(folder / "actions.jsonl")
        self.switch = Switch(folder / "manual.json")
        action = ManualMode(self.switch, Fallback(amount=2_900, per="area_m2"))
        self.responder = Responder(
            RULES, [action], self.log, tell=self.figures.count_action,
            restraints={"manual": Restraint(cool_down_s=0.001)},
        )  # fmt: skip

    def app(self):
        room = control_room(self.settings, figures=self.figures, log=self.log, switch=self.switch, every_s=0.5)
        source = guarded(wanted_version(forest(), self.settings), self.switch)
        return create_app(
            source, settings=self.settings, limits=Limits(poll_s=0.1), figures=[self.figures], extensions=[room]
        )

    def look(self) -> None:
        """What a monitor does, in short: the error of what was logged until now."""
        table = read_predictions(self.settings.prediction_folder).df()
        mine = table[table["request_id"].str.startswith("house-")]
        numbers = mine["request_id"].str.removeprefix("house-").astype(int)
        errors = mine["prediction"].to_numpy() - houses()[1].to_numpy()[numbers]
        rmse = float(np.sqrt((errors**2).mean()))
        show = self.figures
        show.show_error(
            NAME, 1, rmse_eur=rmse, low_eur=0.9 * rmse, high_eur=1.1 * rmse, reference_eur=rmse,
            labels=len(mine), coverage=len(mine) / len(table),
        )  # fmt: skip
        show.show_estimate(NAME, 1, Estimate(loss="rmse", value=rmse, low=0.9 * rmse, high=1.1 * rmse, n=len(mine)))
        show.show_scores(NAME, 1, r2=1 - float((errors**2).mean() / houses()[1].var()))
        show.show_concept(NAME, 1, detected=False)
        show.show_drift([("area_m2", "psi", 0.02, 0.1, False), ("rooms", "ks", 0.12, 0.1, True)])
        show.show_bad_rows(self.bad_rows)
        show.count_judged(len(mine), within=int((abs(errors) < 0.2 * houses()[1].to_numpy()[numbers]).sum()))
        show.count_labels(matched=len(mine), late=1)
        show.ran(datetime.now(UTC))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A champion that the ledger knows, asked without a pause and watched every second."""
    folder = tmp_path_factory.mktemp("lab")
    lab, done = Lab(folder), threading.Event()
    _promoted(lab.settings)
    lab.responder.do("manual", by="ada", reason=HOSTILE)
    lab.responder.undo(2, by="ada", reason="only to try")
    with serving(lab.app()) as served:
        asked = rows(200)

        def traffic() -> None:
            number = 0
            while not done.wait(0.02):
                number = (number + 1) % len(asked)
                served.post("/predict", asked[number], headers={"X-Request-ID": f"house-{number}"})
                if number % 10 == 0:
                    served.post("/predict", {"area_m2": "large"})

        def monitor() -> None:
            while not done.wait(1):
                lab.look()

        clients = [threading.Thread(target=target) for target in (traffic, traffic, monitor)]
        for client in clients:
            client.start()
        try:
            yield lab, served
        finally:
            done.set()
            for client in clients:
                client.join(WAIT_S)


def _promoted(settings: Settings) -> None:
    """An entry about version 1, as its promotion leaves it in the ledger."""
    entry = Transition(
        name=NAME, sequence=1, by="ada", at=datetime(2026, 3, 2, 9, tzinfo=UTC), kind="promote", version=1,
        from_stage="Staging", to_stage="Production", reason="first", approver="grace", evidence=(),
        run_id="run-1", digest="sha256:1", trainer="ada", champion=1, staging=None, previous=None,
    )  # fmt: skip
    assert open_ledger(settings).append([entry])


def _asked(url: str, query: str) -> list[float]:
    """The finite values that Prometheus has for a query."""
    answer = requests.get(f"{url}/api/v1/query", params={"query": query}, timeout=WAIT_S).json()
    assert answer["status"] == "success", (query, answer)
    values = [float(each["value"][1]) for each in answer["data"]["result"]]
    return [value for value in values if math.isfinite(value)]


def test_every_panel_has_data(lab, tmp_path):
    """Each query of each panel, as it stands in Grafana's JSON, is answered by a real Prometheus with numbers."""
    _, served = lab
    queries = [
        (board.name, panel["title"], target["expr"])
        for board in BOARDS
        for panel in dashboard(board)["panels"]
        for target in panel["targets"]
    ]
    assert len(queries) > 30
    with prometheus(tmp_path / "prometheus", served.url) as url:
        for board, title, query in queries:
            wait(lambda query=query: _asked(url, query), 20)
            assert _asked(url, query), (board, title, query)
        assert _asked(url, queries[0][2].replace("serving_requests_total", "serving_request_total")) == []


def test_control_room_asks_the_same_and_has_data(lab):
    """Every panel of every board has a curve with a number, from the same queries in this process."""
    _, served = lab
    drawn = {board.name: [panel.title for panel in board.panels] for board in BOARDS}

    def state():
        return served.get("/control-room/state").json()

    wait(lambda: all(_filled(panel) for board in state()["boards"] for panel in board["panels"]))
    found = state()
    assert {board["name"]: [panel["title"] for panel in board["panels"]] for board in found["boards"]} == drawn
    asked = {target["expr"] for board in BOARDS for panel in dashboard(board)["panels"] for target in panel["targets"]}
    assert asked == {query for board in found["boards"] for panel in board["panels"] for query in panel["queries"]}
    (requests_,) = [panel for panel in found["boards"][0]["panels"] if panel["title"] == "Requests"]
    assert {curve["name"] for curve in requests_["curves"]} == {"200", "422"}


def _filled(panel) -> bool:
    return any(curve["values"][-1] is not None for curve in panel["curves"])


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, lab):
    """The control room, drawn; fails the test at its end if the page complained or asked anybody else."""
    _, served = lab
    page: Page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(WAIT_S * 1000)
    noises: list[str] = []
    page.on("dialog", lambda dialog: (noises.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: noises.append(message.text) if "422" not in message.text else None)
    page.on("pageerror", lambda error: noises.append(str(error)))
    page.on("request", lambda request: noises.append(request.url) if not request.url.startswith(served.url) else None)
    page.goto(served.url)
    page.locator("#fields input").first.wait_for()
    page.locator("svg.curves").first.wait_for()
    yield page
    page.close()
    assert noises == []


def test_page_shows_model_boards_and_actions(page, lab, tmp_path):
    """The version and its stage, all three boards with a picture a panel, and the log's words as text."""
    assert page.locator("#model").inner_text().startswith(f"{NAME}, version 1 · Production since 2026-03-02 09:00 UTC")
    wait(lambda: page.locator("svg.curves").count() == sum(len(board.panels) for board in BOARDS))
    for board in BOARDS:
        assert page.get_by_role("heading", name=board.title).is_visible()
    assert HOSTILE in page.locator("#action-list").inner_text()
    assert page.locator("#action-list script, #action-list img").count() == 0
    assert page.get_by_role("img", name="Requests:").count() == 1
    page.screenshot(path=tmp_path / "room.png", full_page=True)


def test_form_is_made_from_the_schema_and_used_by_keyboard(page, lab):
    """Every input has its label, unit and range; Tab, arrow and Enter alone ask, and the answer is the model's."""
    _, served = lab
    house = rows(1)[0]
    assert page.locator("#fields label").count() == len(house)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    for name, value in house.items():
        assert page.evaluate("document.activeElement.name") == name
        if page.evaluate("document.activeElement.tagName") == "SELECT":
            page.keyboard.type({True: "yes", False: "no"}.get(value, value))
            assert page.evaluate("document.activeElement.value") == (value if name in TEXT else str(value).lower())
        else:
            page.keyboard.press("Control+A")
            page.keyboard.type(str(value))
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    (expected,) = served.post("/predict", house).json()["predictions"]
    page.get_by_text("by version 1").wait_for()
    said = page.locator("#answer").inner_text()
    assert float(said.split()[0].replace(",", "")) == pytest.approx(expected, rel=1e-5)


def test_a_wrong_value_is_shown_at_its_field(page):
    """The server's own reason beside the field, which gets the keyboard; what was typed stays."""
    area = page.locator("#input-area_m2")
    area.fill("-3")
    area.press("Enter")
    page.locator("#answer.fault").wait_for()
    assert area.get_attribute("aria-invalid") == "true"
    assert "outside" in page.locator("div:has(> #input-area_m2) .fault").inner_text()
    assert page.evaluate("document.activeElement.id") == "input-area_m2"
    assert area.input_value() == "-3"


def test_alert_and_manual_mode_are_seen_and_lead_to_the_runbook(page, lab):
    """Broken data: the alert, the mode and the action appear by themselves; the link opens the page of that alert."""
    lab, served = lab
    lab.bad_rows = 0.62  # the monitor's next look tells it
    lab.responder.take(
        Notice(rule="DataBroken", key="broken", state="firing", summary="62 % broken"), now=datetime.now(UTC)
    )
    try:
        page.locator("#mode:not([hidden])").wait_for()
        assert "DataBroken: 62 % broken" in page.locator("#mode").inner_text()
        link = page.get_by_role("link", name="Runbook of DataBroken")
        link.wait_for()
        page.get_by_text("by monitoring. manual mode is on: 2,900 for each area_m2").wait_for()
        link.focus()
        at = page.locator("#age").inner_text()
        wait(lambda: page.locator("#age").inner_text() != at)  # drawn anew, and the keyboard is where it was
        assert page.evaluate("document.activeElement.getAttribute('href')") == "/runbooks/DataBroken"
        page.keyboard.press("Enter")
        page.get_by_text("What it means").wait_for()
    finally:
        lab.bad_rows = 0.0
        lab.switch.off()
        wait(lambda: served.get("/ready").json()["model_version"] == 1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_can_be_read_and_fits(page, scheme):
    """Text against its ground at least 4.5 to 1, as WCAG AA asks, lines 3 to 1; a phone needs no scrolling sideways."""
    page.emulate_media(color_scheme=scheme)
    contrast = """([ink, ground]) => { const style = getComputedStyle(document.documentElement);
        const light = name => { const hex = style.getPropertyValue(name).trim().slice(1);
            const [r, g, b] = [0, 2, 4].map(i => parseInt(hex.slice(i, i + 2), 16) / 255)
                .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        const [high, low] = [light(ink), light(ground)].sort((a, b) => b - a);
        return (high + 0.05) / (low + 0.05); }"""
    for ink in ("--ink", "--soft", "--accent", "--bad"):
        for ground in ("--card", "--paper"):
            assert page.evaluate(contrast, [ink, ground]) >= 4.5, (ink, ground)
    assert page.evaluate(contrast, ["--ink", "--warm"]) >= 4.5
    for number in range(6):
        assert page.evaluate(contrast, [f"--c{number}", "--card"]) >= 3
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("path", "status"),
    [("/control-room/style.css", 200), ("/control-room/secret.py", 404), ("/control-room/..%2fmanual.py", 404),
     ("/runbooks/DataDrift", 200), ("/runbooks/Nothing", 404), ("/runbooks/..%2f..%2frules", 404)],
)  # fmt: skip
def test_only_its_own_files_are_served(lab, path, status):
    """By name from one folder, under a policy that lets in nothing from elsewhere."""
    _, served = lab
    answer = served.get(path)
    assert answer.status_code == status
    if status == 200:
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
