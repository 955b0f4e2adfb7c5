"""`make monitor` in small: a real server through some days of a market that moved, and what the record says of it."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
import requests
import yaml

from lib.cli import main
from lib.delivery.retrain import first_version
from lib.errors import DataError
from lib.monitoring.audit import ActionLog
from lib.monitoring.monitor import Change, Look
from lib.monitoring.quarter import MATURES, watch_quarter
from lib.monitoring.quarter_picture import draw_quarter
from lib.monitoring.record import Answered, Record, Release
from lib.monitoring.store import PredictionStore
from lib.monitoring.story import HISTORY_DAYS, START, Story, tell
from lib.registry import history
from lib.serving import read_predictions
from lib.settings import Settings
from lib.workspace import open_workspace
from tests.lib.serving_tools import wait
from tests.lib.test_delivery_pipeline import clean_environment

ROWS_A_DAY, SERVING_DAYS, DAYS = 40, 66, 8
FELL_DAYS, FELL_TO = 60, 0.78
BROKEN = 3, 5


def _state(url: str) -> dict:
    """What the control room shows."""
    return requests.get(f"{url}/control-room/state", timeout=30).json()


def _shows(state: dict, day: date, *, version: int) -> bool:
    """Whether the page has come to that day and version: it looks every so often."""
    return datetime.fromtimestamp(state["at"], UTC).date() == day and state["model"]["version"] == version


def story() -> Story:
    """Prices fell by a fifth some weeks ago, and on two days areas come in square feet."""
    calm = tell("stable", rows_a_day=ROWS_A_DAY, days=DAYS, serving_days=SERVING_DAYS)
    houses, fell = calm.houses, calm.starts - timedelta(days=FELL_DAYS)
    first, last = (calm.starts + timedelta(days=day) for day in BROKEN)
    listed = houses["listed_on"].dt.date
    return replace(
        calm,
        houses=houses.assign(
            price_eur=houses["price_eur"].where(listed < fell, FELL_TO * houses["price_eur"]),
            area_m2=houses["area_m2"].where((listed < first) | (listed >= last), 10.7639 * houses["area_m2"]),
        ),
        truth=replace(calm.truth, kind="concept", starts=fell, ends=fell),
        broken=(first, last),
    )


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """The record, the settings, and the server's page as it was on the last day."""
    folder = tmp_path_factory.mktemp("quarter")
    with clean_environment():
        settings = Settings(root=open_workspace(folder / "work"))
        said: list[str] = []
        pages: list[dict] = []

        def first(sales, part=0.75):
            params = {"train": {"trees": 6, "min_leaf": 3, "train": part, "validation": 0.04}}
            (settings.root / "params.yaml").write_text(yaml.safe_dump(params))
            return first_version(settings.root, sales, settings=settings)

        def train(sales):
            return first(sales, 0.88)

        def passed(day: date) -> None:
            if day == told.ends - timedelta(days=1):
                url = next(text for text in said if text.startswith("http")).split("/ ")[0]
                wait(lambda: _shows(_state(url), day, version=2))
                pages.append(_state(url))

        told = story()
        record = watch_quarter(told, first=first, train=train, settings=settings, say=said.append, passed=passed)
        yield told, record, settings, pages[0]


def test_each_house_is_asked_for_once_and_its_sale_finds_it(watched):
    """The log has the story's days; labels are joined by the id that the server gave, none is an orphan or early."""
    told, record, settings, _ = watched
    logged = read_predictions(settings.prediction_folder).df()
    listed = {day: len(told.listed(day)) for day in pd.date_range(told.serves, told.ends, inclusive="left").date}
    broken = sum(number for day, number in listed.items() if told.broken[0] <= day < told.broken[1])
    assert 0 < sum(listed.values()) - len(logged) <= broken
    assert logged["request_id"].is_unique
    with PredictionStore(settings.root / "monitoring" / "truth.duckdb", matures=MATURES) as store:
        counts = store.count(record.looks[-1].at)
    assert counts.labelled > 100
    assert (counts.orphans, counts.early, counts.contradicting, counts.duplicated) == (0, 0, 0, 0)


def test_what_moved_is_found_acted_upon_and_undone(watched):
    """Fallen prices show in the error and lead to a training; broken rows to manual mode and out of it again."""
    _, record, settings, _ = watched
    raised = {alert.rule: alert for alert in record.raised()}
    assert raised["ModelErrorHigh"].justified
    assert raised["DataBroken"].justified
    assert raised["DataBroken"].resolved is not None
    entries = ActionLog(settings.root / "monitoring" / "actions.jsonl").entries()
    ended = [(entry.action, entry.outcome) for entry in entries if entry.outcome in ("done", "undone")]
    assert ended == [("retrain", "done"), ("manual", "done"), ("manual", "undone")]
    assert [release.version for release in record.releases] == [1, 2]
    assert {day.version for day in record.answered} == {0, 1, 2}
    ledger = history(settings.served_model, settings=settings)
    assert (ledger[-1].champion, ledger[-1].approver) == (2, "the approver of this story")


def test_what_would_have_been_is_told(watched):
    """The first version's errors on the same houses: as they were until it was replaced, larger in the end."""
    _, record, _, _ = watched
    since = record.releases[1].day
    before = [[each for each in days if each.day < since] for days in (record.answered, record.unacted)]
    assert [(each.day, each.n, each.near) for each in before[0]] == [
        (each.day, each.n, each.near) for each in before[1]
    ]
    assert {each.version for each in record.unacted} == {1}
    assert sum(each.n for each in record.unacted) == sum(each.n for each in record.answered)
    by_day = {each.day: each.rmse for each in record.unacted}
    assert all(each.rmse != by_day[each.day] for each in record.answered if each.version == 2)


def test_the_control_room_shows_the_story(watched):
    """The same figures, actions and alerts, on the story's day."""
    told, record, _, page = watched
    assert datetime.fromtimestamp(page["at"], UTC).date() == told.ends - timedelta(days=1)
    assert page["model"]["version"] == record.looks[-1].version == 2
    assert [entry["action"] for entry in page["actions"]][-1] == "retrain"


def test_the_record_is_told_and_drawn(watched):
    """JSON in and out; every alert is in the lines and in the picture."""
    _, record, _, _ = watched
    assert Record.model_validate_json(record.model_dump_json()) == record
    lines = "\n".join(record.lines())
    assert "ModelErrorHigh fires" in lines
    assert "manual, undone" in lines
    lanes = [text.get_text() for text in draw_quarter(record).axes[2].get_yticklabels()]
    assert set(lanes) >= {"ModelErrorHigh", "DataBroken", "retrain", "manual"}


def test_the_estimate_without_labels_is_shown_to_be_wrong(watched):
    """Prices fell and the estimate did not see it: sure of itself, far below the truth, told with its assumption."""
    _, record, _, page = watched
    guess, truth = record.misled()
    assert guess.version == 1
    assert truth > 1.2 * guess.estimated.high
    assert {each.version for each in record.guesses} >= {1}
    assert record.looks[0].estimated is not None
    (told,) = [line for line in record.lines() if line.startswith("Without labels")]
    assert "assumes that houses like these still cost what they did" in told
    legend = draw_quarter(record).axes[0].get_legend()
    assert any(text.get_text().startswith("estimated without labels") for text in legend.get_texts())
    panels = [
        panel for board in page["boards"] for panel in board["panels"] if panel["title"] == "Error without labels"
    ]
    assert {curve["name"] for panel in panels for curve in panel["curves"]} >= {"estimated", "by labels"}


def test_a_quarter_that_is_stopped_leaves_nothing_behind(tmp_path):
    """Ctrl-C in the middle of a day: the port is free again, the store can be opened, what was logged is whole."""
    with clean_environment(), socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        settings = Settings(root=open_workspace(tmp_path / "work"))
        (settings.root / "params.yaml").write_text("train: {trees: 2}\n")
        told = tell("stable", rows_a_day=20, days=2, serving_days=10)

        def stop(day: date) -> None:
            if day > told.serves:
                raise KeyboardInterrupt

        def first(sales):
            return first_version(settings.root, sales, settings=settings)

        with pytest.raises(KeyboardInterrupt):
            watch_quarter(told, first=first, train=first, settings=settings, port=port, passed=stop)
        logged = read_predictions(settings.prediction_folder).df()
        assert len(logged) == sum(len(told.listed(told.serves + timedelta(days=day))) for day in range(2))
        PredictionStore(settings.root / "monitoring" / "truth.duckdb").close()


def test_a_busy_port_is_said_before_anything_is_trained(tmp_path, capsys):
    """In words and with the way out."""
    with clean_environment(), socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        words = ["monitor", "--port", port, "--rows-a-day", "5", "--days", "2", "--out", str(tmp_path)]
        assert main(words) == 1
        assert not list((tmp_path / "work").glob("data/*"))
    assert f"127.0.0.1:{port} cannot be served on" in capsys.readouterr().err


def test_stories_move_when_they_should():
    """What moves inputs sets in within the quarter, what moves prices before; a story that is none is an error."""
    first = START + timedelta(days=HISTORY_DAYS + 90)
    for name, kind in (("slide", "data"), ("quarter", "concept"), ("stable", "none")):
        told = tell(name, rows_a_day=2)
        assert (told.starts, told.truth.kind) == (first, kind)
        if kind == "data":
            assert told.starts < told.truth.starts < told.starts + timedelta(days=25)
        if kind == "concept":
            assert told.serves <= told.truth.starts < told.starts
    for name in ("regime", "jump"):
        told = tell(name, rows_a_day=2, serving_days=60, moves=-50)
        assert abs((told.truth.starts - told.starts).days + 50) <= 1
    with pytest.raises(DataError, match="no story is named 'sad'"):
        tell("sad", rows_a_day=2)


def _look(at: datetime, *changes: Change) -> Look:
    return Look(
        at=at, version=1, error=None, accepted=None, labels=0, concept=False, drifted=(), excess=None, bad_rows=None,
        changes=changes, entries=(),
    )  # fmt: skip


def test_false_alarms_are_told_from_right_ones():
    """An alert about the error is right when the answers were worse in truth, one about data when the inputs moved."""
    calm = tell("stable", rows_a_day=1, days=60)
    days = [calm.starts + timedelta(days=day) for day in range(60)]
    bad = range(20, 40)
    record = Record(
        story="made up", starts=calm.starts, ends=calm.ends, truth=calm.truth, broken=None,
        releases=(Release(day=days[0], version=1, said=""),),
        answered=tuple(
            Answered(day=day, version=1, n=10, near=9, rmse=90.0 if place in bad else 30.0)
            for place, day in enumerate(days)
        ),
        looks=tuple(
            _look(
                datetime.combine(days[place], datetime.min.time()).astimezone(),
                Change(rule=rule, key=f"{rule}@{place}", state="firing", summary="", labels={}),
            )
            for place, rule in (
                (5, "ModelErrorHigh"), (35, "ModelErrorHigh"), (36, "DataDrift"), (37, "DataBroken"),
                (38, "AccuracyBudgetLeaking"),
            )
        ),
    )  # fmt: skip
    assert [alert.justified for alert in record.raised()] == [False, True, False, False, False]
    assert record.harmed(days[35])
    assert not record.harmed(days[5])
