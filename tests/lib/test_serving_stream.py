"""Every event has one result, and what cannot have one is kept aside with a reason."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from mlflow.models import infer_signature
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.retry import Retry
from sklearn.linear_model import Ridge

from lib.errors import RedisServerError, StreamError, StreamFull
from lib.redis_server import find_server, open_redis
from lib.registry.serving import LoadedVersion
from lib.serving.stream import Event, SqliteSink, consume, dead_letters, lag, publish
from lib.settings import Settings
from tests.lib.registered import FEATURES, houses
from tests.require import require

ROOT = Path(__file__).parents[2]
WAIT_S = 30.0
ONCE = Retry(NoBackoff(), 0)


@pytest.fixture(scope="module")
def server():
    try:
        find_server()
    except RedisServerError as error:
        require("redis-server", present=False, way_out=str(error))
    with open_redis(Settings()) as redis:
        yield redis


@pytest.fixture
def redis(server):
    server.flushall()
    return server


@pytest.fixture
def sink(tmp_path):
    sink = SqliteSink(tmp_path / "results.db")
    yield sink
    sink.close()


def loaded(model, version=1) -> LoadedVersion:
    frame = houses(20)
    return LoadedVersion(
        name="houses", version=version, stage="Production", run_id="", digest="", model=model,
        signature=infer_signature(frame[FEATURES]),
    )  # fmt: skip


@pytest.fixture(scope="module")
def model():
    frame = houses(400)
    return loaded(Ridge().fit(frame[FEATURES], frame["y"]))


def events(count, first=0):
    frame = houses(count, first=first)
    return [Event(row["id"], {"a": row["a"], "b": row["b"]}) for row in frame.to_dict("records")]


def results(sink) -> dict:
    with SqliteSink(sink.path)._connection as connection:
        return dict(connection.execute("SELECT event_id, prediction FROM results"))


def test_every_event_has_the_models_answer(redis, sink, model):
    """What is published is scored as `predict` does, counted, acknowledged, and gone from the stream."""
    frame = houses(1_200)
    assert publish(redis, "houses", events(1_200)) == 1_200
    done = consume(redis, "houses", model=model, sink=sink, until_done=True)
    assert (done.scored, done.dead, done.failed) == (1_200, 0, 0)
    found = results(sink)
    np.testing.assert_allclose([found[name] for name in frame["id"]], model.model.predict(frame[FEATURES]))
    assert redis.xlen("houses") == 0
    assert (lag(redis, "houses").behind, lag(redis, "houses").oldest_age_s) == (0, 0.0)
    assert redis.xinfo_consumers("houses", "scoring") == [], "a consumer that stopped is off the list"


def test_event_published_twice_has_one_result(redis, sink, model):
    """A publisher that tries again doubles entries, not results; the first result stays."""
    publish(redis, "houses", [*events(10), *events(10)])
    assert consume(redis, "houses", model=model, sink=sink, until_done=True).scored == 10
    publish(redis, "houses", events(10))
    assert consume(redis, "houses", model=model, sink=sink, until_done=True).scored == 0
    assert sink.count() == 10


def test_invalid_events_are_kept_aside_at_once(redis, sink, model):
    """Each way to be invalid is a dead letter with its reason, and costs no other event its result."""
    good = {"a": 1.0, "b": 2}
    bad = {
        "missing": ({"a": 1.0}, "b: is missing (double"),
        "null": ({**good, "a": None}, "a: is missing (double"),
        "text": ({**good, "a": "1.0"}, "a: '1.0' is not of type double"),
        "boolean": ({**good, "a": True}, "a: True is not of type double"),
        "infinite": ({**good, "a": float("inf")}, "a: inf "),
        "nan": ({**good, "b": float("nan")}, "b: nan is not a finite number"),
        "huge": ({**good, "a": 10**400}, "a: 1000000"),
        "list": ([1.0, 2.0], "no object of inputs by name"),
    }
    publish(redis, "houses", [Event(name, row) for name, (row, _) in bad.items()])
    redis.xadd("houses", {"id": "broken", "row": b"{\xff"})
    redis.xadd("houses", {"row": json.dumps(good)})
    redis.xadd("houses", {"other": "system"})
    publish(redis, "houses", [Event("good", good)])
    done = consume(redis, "houses", model=model, sink=sink, until_done=True)
    assert (done.scored, done.dead) == (1, len(bad) + 3)
    letters = {letter["id"]: letter for letter in dead_letters(redis, "houses")}
    for name, (_, reason) in bad.items():
        assert reason in letters[name]["reason"], name
    assert "no JSON" in letters["broken"]["reason"]
    assert "has no id" in letters[""]["reason"]
    assert letters["text"]["row"] == json.dumps(bad["text"][0])


class Picky:
    """Refuses one value."""

    def predict(self, frame):
        if (frame["a"] == 13).any():
            raise ValueError("thirteen")
        return frame["a"].to_numpy()


def test_event_that_the_model_refuses_is_tried_again_then_kept_aside(redis, sink):
    """It alone is delivered again, `max_deliveries` times in all; the others of its batch are done at once."""
    publish(redis, "houses", [Event(str(a), {"a": float(a), "b": 0.0}) for a in range(100)])
    done = consume(
        redis, "houses", model=loaded(Picky()), sink=sink, until_done=True, min_idle_s=0.01, max_deliveries=4
    )
    assert (done.scored, done.dead, done.failed) == (99, 1, 3)
    (letter,) = dead_letters(redis, "houses")
    assert (letter["id"], letter["reason"]) == ("13", "the model fails: ValueError: thirteen")


def test_model_that_refuses_everything_is_no_dead_letter(redis, sink):
    """A model at fault stops the consumer with an error, and every event waits for a better one."""
    publish(redis, "houses", [Event(str(number), {"a": 13.0, "b": 0.0}) for number in range(300)])
    with pytest.raises(StreamError, match=r"version 1 of houses fails on event after event: thirteen"):
        consume(redis, "houses", model=loaded(Picky()), sink=sink, until_done=True)
    assert dead_letters(redis, "houses") == []
    assert lag(redis, "houses").pending == 300


def test_consumers_share_the_work(redis, sink, model):
    """Two consumers of a group both score, and no event twice."""
    publish(redis, "houses", events(4_000))
    both = threading.Barrier(2, timeout=WAIT_S)
    done = []

    class Meeting:
        """The first batch of each waits for the other's."""

        first = True

        def write(self, results):
            if self.first:
                both.wait()
            self.first = False
            return sink.write(results)

    def work():
        done.append(consume(redis, "houses", model=model, sink=Meeting(), until_done=True, batch=100).scored)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done) == sink.count() == 4_000
    assert min(done) > 0


def test_new_champion_answers_from_the_next_batch_on(redis, sink, model):
    """A callable for a model is asked before each batch, and each result names the version that made it."""
    publish(redis, "houses", events(300))
    versions = iter([loaded(model.model, 1), loaded(model.model, 2), loaded(model.model, 3)])
    consume(redis, "houses", model=lambda: next(versions), sink=sink, until_done=True, batch=100)
    counts = sink._connection.execute("SELECT version, count(*) FROM results GROUP BY version ORDER BY version")
    assert counts.fetchall() == [(1, 100), (2, 100), (3, 100)]


def test_stop_ends_after_the_batch_under_way(redis, sink, model):
    """What was begun is finished and acknowledged, the rest waits for the next consumer."""
    publish(redis, "houses", events(500))
    stop = threading.Event()

    class Stopping:
        def write(self, results):
            stop.set()
            return sink.write(results)

    assert consume(redis, "houses", model=model, sink=Stopping(), stop=stop, batch=200).scored == 200
    behind = lag(redis, "houses")
    assert (behind.pending, behind.waiting, sink.count()) == (0, 300, 200)
    assert redis.xinfo_consumers("houses", "scoring") == []


def test_nothing_is_acknowledged_that_the_sink_did_not_take(redis, sink, model, tmp_path):
    """A sink that fails stops the consumer; the next one has all events."""
    publish(redis, "houses", events(100))
    broken = SqliteSink(tmp_path / "broken.db")
    broken.close()
    with pytest.raises(StreamError, match=r"results cannot be kept in .*broken\.db.*come again"):
        consume(redis, "houses", model=model, sink=broken, until_done=True)
    assert lag(redis, "houses").pending == 100
    assert consume(redis, "houses", model=model, sink=sink, until_done=True, min_idle_s=0.01).scored == 100


def test_lag_counts_what_has_no_result_yet(redis, sink, model):
    """Entries that wait, entries under way, and the age of the oldest, in seconds of Redis' clock."""
    with pytest.raises(StreamError, match=r"no group 'scoring'; it has none"):
        lag(redis, "houses")
    seconds, micros = redis.time()
    redis.xadd("houses", {"id": "old", "row": "{}"}, id=f"{seconds * 1000 + micros // 1000 - 60_000}-0")
    publish(redis, "houses", events(9))
    redis.xgroup_create("houses", "scoring", id="0")
    redis.xreadgroup("scoring", "other", {"houses": ">"}, count=4)
    behind = lag(redis, "houses")
    assert (behind.waiting, behind.pending, behind.behind) == (6, 4, 10)
    assert 60 <= behind.oldest_age_s < 60 + WAIT_S


def test_publisher_is_refused_while_the_stream_is_full(redis, sink, model):
    """With no time to wait, the bound holds exactly, nothing is dropped, and the error says how many were taken."""
    with pytest.raises(StreamFull, match=r"1000 unfinished events of at most 1200.*1000 events were taken") as caught:
        publish(redis, "houses", events(2_000), max_length=1_200, wait_s=0)
    assert caught.value.published == redis.xlen("houses") == 1_000


def test_publisher_waits_for_the_consumer(redis, sink, model):
    """A publisher that is faster than its consumer is slowed down to it, and no event is lost."""
    longest = []

    class Looking:
        def write(self, results):
            longest.append(redis.xlen("houses"))
            return sink.write(results)

    publisher = threading.Thread(target=publish, args=(redis, "houses", events(3_000)), kwargs={"max_length": 600})
    publisher.start()
    stop = threading.Event()
    consumer = threading.Thread(
        target=consume, args=(redis, "houses"), kwargs={"model": model, "sink": Looking(), "stop": stop, "batch": 100}
    )
    consumer.start()
    _wait(lambda: sink.count() == 3_000)
    stop.set()
    publisher.join()
    consumer.join()
    assert max(longest) <= 600


def test_entries_stay_until_every_group_has_finished_them(redis, sink, model, tmp_path):
    """A slow group loses nothing to a quick one."""
    publish(redis, "houses", events(300))
    redis.xgroup_create("houses", "monitoring", id="0")
    consume(redis, "houses", model=model, sink=sink, until_done=True)
    assert redis.xlen("houses") == 300
    other = SqliteSink(tmp_path / "other.db")
    assert consume(redis, "houses", model=model, sink=other, group="monitoring", until_done=True).scored == 300
    other.close()
    assert redis.xlen("houses") == 0


def test_deleted_entry_is_a_dead_letter(redis, sink, model):
    """An entry that somebody deletes while it is under way is named, not forgotten."""
    publish(redis, "houses", events(3))
    redis.xgroup_create("houses", "scoring", id="0")
    ((_, entries),) = redis.xreadgroup("scoring", "dead", {"houses": ">"})
    redis.xdel("houses", entries[1][0])
    done = consume(redis, "houses", model=model, sink=sink, until_done=True, min_idle_s=0.01)
    assert (done.scored, done.dead) == (2, 1)
    assert "deleted from the stream" in dead_letters(redis, "houses")[0]["reason"]


def test_mistakes_are_errors(redis, sink, model):
    """Too few deliveries, a row that is no JSON, a group that is gone: each is said."""
    with pytest.raises(StreamError, match="max_deliveries is 2"):
        consume(redis, "houses", model=model, sink=sink, max_deliveries=2)
    with pytest.raises(StreamError, match="event x has a row that is no JSON"):
        publish(redis, "houses", [Event("x", {"a": {1, 2}})])

    class Losing:
        def write(self, results):
            redis.flushall()
            return sink.write(results)

    publish(redis, "houses", events(10))
    with pytest.raises(StreamError, match=r"did not take a command on houses: (NOGROUP|.*no such key)"):
        consume(redis, "houses", model=model, sink=Losing())


# One process that imports once and forks its consumers, which are killed; each case has a stream of its name.
_KILLING = """
import json, os, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import numpy as np
from redis import Redis
from tests.lib.test_serving_stream import loaded
from lib.serving.stream import Event, SqliteSink, consume, dead_letters, publish

url, folder = sys.argv[2], Path(sys.argv[3])

class Model:
    def predict(self, frame):
        if case == "poison" and (frame["a"] == 1300).any():
            os.kill(os.getpid(), signal.SIGKILL)
        return frame["a"].to_numpy() * 2

class Dying:
    "Writes; at its `last` batch it dies before or after."
    def __init__(self, sink, last, before):
        self.sink, self.last, self.before = sink, last, before
    def write(self, results):
        self.last -= 1
        if self.last == 0 and self.before:
            os.kill(os.getpid(), signal.SIGKILL)
        new = self.sink.write(results)
        if self.last == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return new

def consumer(last=0, before=False, until_done=True):
    child = os.fork()
    if not child:
        with Redis.from_url(url) as redis:
            sink = Dying(SqliteSink(folder / f"{case}.db"), last, before)
            batch = 100 if case == "poison" else 1000
            options = {"until_done": until_done, "batch": batch, "min_idle_s": 0.5}
            consume(redis, case, model=loaded(Model()), sink=sink, **options)
        os._exit(0)
    return child

def publisher(count):
    child = os.fork()
    if not child:
        with Redis.from_url(url) as redis:
            publish(redis, case, (Event(str(n), {"a": float(n), "b": 0.0}) for n in range(count)), max_length=20_000)
        os._exit(0)
    return child

def killed(child):
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])

case, poisoned = "poison", 0
publisher(3_000)
os.wait()
while killed(consumer()):
    poisoned += 1

case = "flow"
loading = publisher(100_000)
deaths = sum(killed(consumer(*how, False)) for how in [(1, True), (1, False), (7, True), (7, False)])
sink = SqliteSink(folder / "flow.db")
for share in (40_000, 55_000, 70_000):
    one, two = consumer(until_done=False), consumer(until_done=False)
    while sink.count() < share:
        time.sleep(0.001)
    os.kill(one, signal.SIGKILL); os.kill(two, signal.SIGKILL)
    deaths += killed(one) + killed(two)
sink.close()
last = consumer(until_done=False)
assert not killed(loading)
os.kill(last, signal.SIGKILL)
deaths += killed(last)
assert not killed(consumer())
print(json.dumps({"poison": poisoned, "flow": deaths}))
"""


@pytest.fixture
def after_kills(redis, tmp_path):
    """How many consumers of each stream died, and what their results are."""
    url = f"unix://{redis.connection_pool.connection_kwargs['path']}"
    done = subprocess.run(
        [sys.executable, "-c", _KILLING, str(ROOT), url, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = {}
    for stream, deaths in json.loads(done.stdout).items():
        sink = SqliteSink(tmp_path / f"{stream}.db")
        found[stream] = (deaths, results(sink))
        sink.close()
    return found


@pytest.mark.thorough
def test_killed_consumers_lose_and_double_nothing(after_kills, redis):
    """SIGKILL before the sink, after it, and at any time; and an event that kills whoever scores it."""
    deaths, found = after_kills["flow"]
    assert deaths == 11
    assert found == {str(number): 2.0 * number for number in range(100_000)}
    assert dead_letters(redis, "flow") == []
    deaths, found = after_kills["poison"]
    assert deaths == 5
    assert found == {str(number): 2.0 * number for number in range(3_000) if number != 1_300}
    (letter,) = dead_letters(redis, "poison")
    assert letter["id"] == "1300"
    assert "delivered 5 times and never finished" in letter["reason"]
    for stream in after_kills:
        assert redis.xlen(stream) == 0
        assert lag(redis, stream).behind == 0


@contextmanager
def durable_server(folder):
    """A server that keeps each command on the disk before it answers."""
    server = subprocess.Popen(
        [find_server(), "--port", "0", "--unixsocket", f"{folder}/s", "--dir", str(folder), "--save", "",
         "--appendonly", "yes", "--appendfsync", "always"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait(lambda: _answers(f"unix://{folder}/s"))
        yield server
    finally:
        server.kill()
        server.wait()


def _answers(url) -> bool:
    with Redis.from_url(url, retry=ONCE) as redis:
        try:
            return redis.ping()
        except Disconnected:
            return False


def test_redis_that_is_killed_loses_nothing_it_acknowledged(server, sink, model):
    """With `appendfsync always` a restarted server has every published event, and the consumer goes on by itself."""
    folder = Path(tempfile.mkdtemp(prefix="r-", dir="/tmp"))
    stop, done = threading.Event(), []

    def work():
        with Redis.from_url(f"unix://{folder}/s") as redis:
            done.append(consume(redis, "s", model=model, sink=sink, stop=stop, batch=50, min_idle_s=0.2))

    try:
        with durable_server(folder) as process, Redis.from_url(f"unix://{folder}/s") as redis:
            publish(redis, "s", events(1_000))
            consumer = threading.Thread(target=work)
            consumer.start()
            _wait(lambda: sink.count() >= 200)
            process.send_signal(signal.SIGKILL)
            process.wait()
        with durable_server(folder), Redis.from_url(f"unix://{folder}/s") as redis:
            publish(redis, "s", events(500, first=1_000))
            _wait(lambda: sink.count() == 1_500)
            _wait(lambda: lag(redis, "s").behind == 0)
            stop.set()
            consumer.join()
            assert dead_letters(redis, "s") == []
    finally:
        shutil.rmtree(folder)
    assert done[0].scored == 1_500


def test_redis_that_stays_away_is_an_error(sink, model):
    """A server that does not come back ends the consumer, after the time it was given, with what to do."""
    with open_redis(Settings()) as redis:
        publish(redis, "s", events(10))
        path = redis.connection_pool.connection_kwargs["path"]
        stop = threading.Event()
    with (
        Redis(unix_socket_path=path, retry=ONCE) as redis,
        pytest.raises(StreamError, match=r"away for 0\.2 s.*start the consumer"),
    ):
        consume(redis, "s", model=model, sink=sink, stop=stop, reconnect_s=0.2)
    with (
        Redis(unix_socket_path=path, retry=ONCE) as redis,
        pytest.raises(StreamError, match="did not take a command on s"),
    ):
        publish(redis, "s", events(10))


def _wait(condition) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
