"""What was answered is on the disk: after a kill, on a full disk, and beside other processes."""

from __future__ import annotations

import json
import resource
import signal
import threading

import pytest
import requests

from lib.errors import LogUnwritable, ServingError
from lib.serving import PredictionLog, create_app, read_predictions
from lib.settings import Settings
from tests.lib.serving_tools import Served, answers, forest, free_port, process, rows, serving, wait

SERVER = """
import sys
from pathlib import Path
import uvicorn
from lib.serving import create_app
from lib.settings import Settings
from tests.lib.serving_tools import forest
app = create_app(forest(), settings=Settings(root=Path(sys.argv[1])), policy=sys.argv[3])
uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)
"""


def _line(number):
    return json.dumps({"request_id": f"r{number}", "row": 0, "version": 1, "output": number, "features": {}}) + "\n"


def test_kill_under_load_loses_no_acknowledged_prediction(tmp_path):
    """A server killed with SIGKILL amid requests has recorded every prediction that a client was given."""
    port = free_port()
    acknowledged = {}

    def client(name):
        with requests.Session() as session:
            for number in range(100_000):
                sent = f"{name}-{number}"
                try:
                    answer = session.post(
                        f"http://127.0.0.1:{port}/predict", json={"rows": rows(2, number % 50)},
                        headers={"X-Request-ID": sent}, timeout=30,
                    )  # fmt: skip
                    acknowledged[sent] = answer.json()["predictions"]
                except requests.RequestException:
                    return

    with process(["-c", SERVER, str(tmp_path), str(port), "durable"], tmp_path) as server:
        wait(lambda: answers(f"http://127.0.0.1:{port}/ready"))
        threads = [threading.Thread(target=client, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        wait(lambda: len(acknowledged) > 300)
        server.send_signal(signal.SIGKILL)
        for thread in threads:
            thread.join(30)
    table = read_predictions(tmp_path / "predictions").order("request_id, row").df()
    logged = table.groupby("request_id")["prediction"].agg(list).to_dict()
    assert len(acknowledged) > 300
    assert {name: logged.get(name) for name in acknowledged} == acknowledged


@pytest.mark.parametrize("policy", ["durable", "drop"])
def test_full_disk(tmp_path, policy):
    """Where nothing can be written, `durable` answers 503 with the reason, and `drop` answers and counts."""
    port = free_port()
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))  # noqa: E731
    arguments = ["-c", SERVER, str(tmp_path), str(port), policy]
    with process(arguments, tmp_path, preexec_fn=limit):
        served = Served(f"http://127.0.0.1:{port}", None)
        wait(lambda: answers(f"{served.url}/ready"))
        given = [served.post("/predict", row) for row in rows(12)]
        metrics = served.get("/metrics").text
    good = [answer.json()["request_id"] for answer in given if answer.status_code == 200]
    logged = set(read_predictions(tmp_path / "predictions").df()["request_id"])
    assert 0 < len(logged) < 12
    if policy == "durable":
        assert set(good) == logged
        assert "File too large" in given[-1].json()["error"]
        assert given[-1].status_code == 503
    else:
        assert len(good) == 12
        assert f"serving_log_dropped_total {12 - len(logged)}.0" in metrics


def test_torn_last_line_is_left_out_and_reported(tmp_path, caplog):
    """A line that a crash cut off was never acknowledged; the reader says where it is and reads the others."""
    (tmp_path / "a.jsonl").write_text(_line(1) + _line(2))
    (tmp_path / "b.jsonl").write_text(_line(3) + _line(4)[:25])
    assert sorted(read_predictions(tmp_path).df()["request_id"]) == ["r1", "r2", "r3"]
    (record,) = caplog.records
    assert "b.jsonl is torn (25 bytes)" in record.message


def test_damaged_line_is_counted(tmp_path, caplog):
    """A whole line that cannot be read is a lost prediction, and the reader says so."""
    (tmp_path / "a.jsonl").write_text(_line(1) + _line(2)[:25] + "\n" + _line(3))
    assert sorted(read_predictions(tmp_path).df()["request_id"]) == ["r1", "r3"]
    (record,) = caplog.records
    assert "1 whole lines" in record.message
    assert record.levelname == "ERROR"


def test_segments_end_at_their_size(tmp_path):
    """A full segment is closed and another begun; each process has its own."""
    log = PredictionLog(tmp_path, segment_bytes=200)
    for number in range(6):
        log.append(_line(number).encode())
    log.close()
    log.close()
    assert len(list(tmp_path.iterdir())) > 1
    assert read_predictions(tmp_path).order("output").df()["prediction"].tolist() == list(range(6))


def test_unwritable_folder_is_an_error_with_its_reason(tmp_path):
    """A log that cannot be made says where and why, and works again once it can."""
    place = tmp_path / "place"
    place.write_text("a file")
    log = PredictionLog(place)
    with pytest.raises(LogUnwritable, match=r"place cannot be written: File exists"):
        log.append(b"{}\n")
    place.unlink()
    log.append(_line(1).encode())
    log.close()
    assert len(read_predictions(place)) == 1


def test_no_predictions_yet(tmp_path):
    """An empty folder is named."""
    with pytest.raises(ServingError, match=r"no predictions in"):
        read_predictions(tmp_path)


def test_client_that_leaves_harms_nobody(tmp_path):
    """Requests whose clients went away are dropped or answered into the void; the next one is served."""
    import socket
    from urllib.parse import urlsplit

    body = json.dumps(rows(1)[0]).encode()
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with serving(create_app(forest(), settings=Settings(root=tmp_path))) as served:
        address = urlsplit(served.url)
        for sent in (head % len(body) + body, head % (len(body) + 1) + body):
            with socket.create_connection((address.hostname, address.port)) as connection:
                connection.sendall(sent)
        assert served.post("/predict", rows(1)[0]).status_code == 200
