"""What one person may ask holds for a server, however many processes it has."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import requests

from lib.governance.people import People
from lib.governance.rates import Meter, Rates
from tests.lib.serving_tools import WAIT_S, answers, free_port, process, wait

LIMIT = 40
TAKE = """
import sys
from pathlib import Path
from lib.governance.rates import Meter, Rates
meter = Meter(Rates(requests="40/day"), shared=Path(sys.argv[1]))
print(sum(meter.take("requests", "eve") is None for _ in range(40)))
"""


def test_processes_that_count_at_once_count_together(tmp_path):
    """Three that take as fast as they can get no more than one would; what is left is had by the next, and no more."""
    path = tmp_path / "rates.sqlite"
    started = [
        subprocess.Popen([sys.executable, "-c", TAKE, path], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    taken = sum(int(each.communicate(timeout=WAIT_S)[0]) for each in started)
    meter = Meter(Rates(requests=f"{LIMIT}/day"), shared=path)
    left = sum(meter.take("requests", "eve") is None for _ in range(LIMIT))
    assert taken + left == LIMIT
    assert taken > LIMIT / 2
    assert meter.take("requests", "eve") > 1
    assert meter.take("requests", "ada", cost=LIMIT) is None


def test_a_server_of_two_workers_gives_each_person_one_budget(tmp_path, monkeypatch):
    """Over connections of their own, so that both are asked; another person still has all of theirs."""
    people, port, keys = People(tmp_path / "governance" / "access.db"), free_port(), {}
    for name in ("eve", "ada"):
        people.put(name, ["learner"])
        keys[name] = people.issue(name).text
    people.close()
    monkeypatch.setenv("MLOPS_REQUEST_RATE", "10/day")
    url = f"http://127.0.0.1:{port}"
    words = ["-m", "lib", "serve", "--auth", "--wait", "--workers", "2", "--root", str(tmp_path), "--port", str(port)]
    with process(words, tmp_path) as child:
        wait(lambda: answers(f"{url}/live") or child.poll() is not None, 120)

        def asked(key: str) -> int:
            shown = {"X-API-Key": key, "Connection": "close"}
            return requests.get(f"{url}/whoami", headers=shown, timeout=WAIT_S).status_code

        got = {name: Counter(asked(key) for _ in range(30)) for name, key in keys.items()}
    assert got == {name: {200: 10, 429: 20} for name in keys}
