"""`python -m lib serve`: a first champion, several workers, a busy port, and an end that answers what was taken."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading

import psutil
import pytest
import requests

from lib.cli import main
from lib.registry import history
from lib.serving import first as module
from lib.serving import read_predictions
from lib.serving.first import ensure_champion
from lib.settings import Settings
from tests.lib.serving_tools import NAME, WAIT_S, answers, free_port, process, rows, wait


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Where a first champion was made, and what was said of it."""
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROWS", 300)
        patch.setattr(module, "TREES", 3)
        said: list[str] = []
        ensure_champion(NAME, settings=Settings(root=folder), say=said.append)
    (folder / "words").write_text("\n".join(said))
    return folder


def test_first_champion_goes_the_usual_road_and_says_so(root):
    """Trained, registered, staged and promoted in the ledger; the words and the ledger say that no person approved."""
    settings = Settings(root=root)
    lines = history(NAME, settings=settings)
    assert [line.to_stage for line in lines] == ["None", "Staging", "Production"]
    assert lines[-1].approver == "first-champion rule"
    assert "approved by no person" in (root / "words").read_text()
    said: list[str] = []
    assert ensure_champion(NAME, settings=settings, say=said.append) == lines[-1]
    assert said == [f"{NAME}: version 1 is the champion."]


@pytest.mark.thorough
def test_workers_share_the_port_the_metrics_and_the_log(root, tmp_path):
    """Two processes answer; their metrics are added up; at SIGTERM both end, and every answer is in the log."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with process(["-m", "lib", "serve", "--root", str(root), "--port", str(port), "--workers", "2"], tmp_path) as child:
        wait(lambda: answers(f"{url}/ready"), 120)
        given = []

        def client():
            for row in rows(20):
                answer = requests.post(f"{url}/predict", json=row, timeout=WAIT_S)
                given.append(answer.json()["request_id"] if answer.ok else answer.text)

        threads = [threading.Thread(target=client) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        # One may answer before the other has its model.
        wait(lambda: "\nserving_model_loaded 1" in requests.get(f"{url}/metrics", timeout=WAIT_S).text, 120)
        told = requests.get(f"{url}/metrics", timeout=WAIT_S).text
        assert re.findall(r'serving_predictions_total\{model_version="1"\} (\d+)', told) == ["80"]
        # Of both: the queues together, the memory together, and that each has a model.
        assert re.findall(r"^serving_queue_capacity_rows (\d+)", told, re.MULTILINE) == ["8192"]
        assert re.findall(r"^serving_model_loaded (\d)", told, re.MULTILINE) == ["1"]
        workers = psutil.Process(child.pid).children(recursive=True)
        (held,) = re.findall(r"^process_resident_memory_bytes (\S+)", told, re.MULTILINE)
        assert float(held) > 0.8 * sum(sorted(each.memory_info().rss for each in workers)[-2:])
        assert "Control room" in requests.get(f"{url}/", timeout=WAIT_S).text
        child.send_signal(signal.SIGTERM)
        assert child.wait(WAIT_S) in (0, -signal.SIGTERM)
    assert set(given) <= set(read_predictions(root / "predictions").df()["request_id"])
    said = (tmp_path / "said").read_text()
    assert f"{url}/docs" in said
    assert "Traceback" not in said


def test_guarded_server_asks_for_a_key_and_drains_at_its_end(root, tmp_path, capsys):
    """`serve --auth` is closed but for its probes; a key made beside it opens, until it is revoked.

    After SIGTERM /ready is 503 while predictions are still answered; then the process ends by itself.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    options = ["--port", str(port), "--auth", "--drain", "1", "--model-version", "1"]
    with process(["-m", "lib", "serve", "--root", str(root), *options], tmp_path) as child:
        wait(lambda: answers(f"{url}/ready"), 120)

        def grant(person: str) -> str:
            assert main(["access", "grant", person, "--role", "learner", "--root", str(root), "--by", "root"]) == 0
            (key,) = re.findall(r"^mlops_key_\S+$", capsys.readouterr().out, re.MULTILINE)
            return key

        def ask(key: str | None = None) -> requests.Response:
            headers = {} if key is None else {"X-API-Key": key}
            return requests.post(f"{url}/predict", json=rows(1)[0], headers=headers, timeout=WAIT_S)

        assert ask().status_code == 401
        key, kept = grant("ada"), grant("bob")
        assert ask(key).status_code == 200
        house = {**rows(1)[0], "area_m2": 10.0, "rooms": 12}
        odd = requests.post(f"{url}/predict", json=house, headers={"X-API-Key": key}, timeout=WAIT_S)
        assert (odd.status_code, "unlike the rows that the model learnt from" in odd.text) == (422, True)
        assert requests.get(f"{url}/", headers={"X-API-Key": key}, timeout=WAIT_S).status_code == 403
        assert main(["access", "revoke", key.split("_")[2], "--root", str(root), "--by", "root"]) == 0
        assert ask(key).status_code == 401

        failed, draining, done = [], [], threading.Event()

        def client():
            while not done.is_set():
                late = bool(draining)
                answer = ask(kept)
                if answer.status_code != 200:
                    failed.append(answer.text)
                if late and answer.headers.get("connection") != "close":
                    failed.append("the connection was kept")

        thread = threading.Thread(target=client)
        thread.start()
        child.send_signal(signal.SIGTERM)
        wait(lambda: answers(f"{url}/ready", 503))
        draining.append(True)
        assert requests.get(f"{url}/ready", timeout=WAIT_S).json()["status"] == "draining"
        assert ask(kept).status_code == 200
        done.set()
        thread.join(WAIT_S)
        assert not failed
        assert child.wait(WAIT_S) in (0, -signal.SIGTERM)
    said = (tmp_path / "said").read_text()
    assert "Whoever asks needs a key" in said
    assert key not in said
    assert main(["trail", "--root", str(root)]) == 0
    assert "denied" in capsys.readouterr().out


def test_busy_port_is_a_clear_error(root, capsys):
    """A port that is taken is named with a way out; nothing is started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["serve", "--root", str(root), "--port", str(port)]) == 1
    said = capsys.readouterr().err
    assert f"127.0.0.1:{port} cannot be served on" in said
    assert "PORT=" in said


def test_root_that_cannot_be_made_is_a_clear_error(tmp_path, capsys):
    """A folder below a file is named with the way out, before anything is trained."""
    (tmp_path / "file").write_text("")
    assert main(["serve", "--root", str(tmp_path / "file" / "root")]) == 1
    said = capsys.readouterr().err
    assert "cannot be made: Not a directory" in said
    assert "MLOPS_ROOT" in said


def test_waiting_server_trains_nothing(tmp_path, monkeypatch):
    """With --wait and no model it is live, says why it is not ready, and takes its port from PORT."""
    port = free_port()
    monkeypatch.setenv("PORT", str(port))
    url = f"http://127.0.0.1:{port}"
    with process(["-m", "lib", "serve", "--root", str(tmp_path / "root"), "--wait"], tmp_path):
        wait(lambda: answers(f"{url}/live"), 60)
        ready = requests.get(f"{url}/ready", timeout=WAIT_S)
    assert ready.status_code == 503
    assert "Register a run first" in ready.json()["refused"]["reason"]
    assert "training" not in (tmp_path / "said").read_text()


def test_ctrl_c_ends_any_command_in_a_line(tmp_path):
    """In the middle of a quarter: no traceback, no picture of half of it, no process left."""
    with process(["-m", "lib", "ct", "--out", str(tmp_path / "ct")], tmp_path) as child:
        wait((tmp_path / "ct" / "work").exists)
        child.send_signal(signal.SIGINT)
        assert child.wait(WAIT_S) == 130
        assert (tmp_path / "said").read_text() == "stopped before the end\n"
        assert not list((tmp_path / "ct").glob("ct.*"))
        wait(lambda: not _lives(child.pid))


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
