"""A drill sees what clients of a real port see, and lets the world change between two requests."""

from __future__ import annotations

import threading

import pytest
from fastapi import FastAPI, Response

from lib.errors import ServingError
from lib.serving.drill import drill


class Shop:
    """An app whose answer changes, with what it needs to be watched."""

    def __init__(self) -> None:
        self.version = 1
        self.app = FastAPI()
        self.app.post("/echo")(self.echo)
        self.app.get("/closed")(lambda: Response("later", 503, {"Retry-After": "7"}))
        self.app.get("/broken")(self.broken)

    def echo(self, body: dict) -> dict:
        return {"version": self.version, **body}

    def broken(self) -> None:
        raise RuntimeError("on purpose")


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_answers_come_in_the_order_of_the_requests(shop):
    """Whichever client asked, and with status, parsed body and order of arrival."""
    seen = drill(shop.app, [("POST", "/echo", {"n": n}) for n in range(40)], clients=5)
    assert [each["body"] for each in seen] == [{"version": 1, "n": n} for n in range(40)]
    assert sorted(each["order"] for each in seen) == list(range(40))
    assert {each["status"] for each in seen} == {200}


def test_refusals_and_failures_are_answers_too(shop):
    """Headers, text that is no JSON, and the next request after the server closed a connection."""
    asked = [("GET", "/closed"), ("GET", "/broken"), ("POST", "/echo", "{"), ("POST", "/echo", {"n": 1})]
    closed, broken, bad, good = drill(shop.app, asked)
    assert (closed["status"], closed["body"], closed["retry_after"]) == (503, "later", "7")
    assert (broken["status"], bad["status"], good["status"]) == (500, 422, 200)


def test_a_change_comes_before_its_request_while_others_go_on(shop):
    """Each answer tells how many changes were over when it was asked for, and had begun when it came."""
    others = threading.Event()

    def change() -> None:
        assert others.wait(10)  # until somebody else was answered meanwhile
        shop.version = 2

    original = shop.echo

    def echo(body: dict) -> dict:
        if body["n"] > 20:
            others.set()
        return original(body)

    app = FastAPI()
    app.post("/echo")(echo)
    seen = drill(app, [("POST", "/echo", {"n": n}) for n in range(80)], clients=3, changes={20: change})
    told = [each["body"]["version"] for each in seen]
    assert all(version in (1, 2)[each["over"] : each["begun"] + 1] for version, each in zip(told, seen, strict=True))
    assert set(told[:20]) == {1}
    assert told[20] == told[-1] == 2
    assert any(each["over"] < each["begun"] for each in seen)


def test_changes_take_turns_and_a_failing_one_is_raised(shop):
    """The second waits for the first; an exception comes out once all requests are answered."""
    happened = []

    def fails() -> None:
        happened.append("first")
        raise ValueError("no such version")

    changes = {3: fails, 4: lambda: happened.append("second")}
    with pytest.raises(ValueError, match="no such version"):
        drill(shop.app, [("POST", "/echo", {"n": n}) for n in range(10)], clients=4, changes=changes)
    assert happened == ["first", "second"]


def test_an_app_that_does_not_start_says_so(caplog):
    """A failing lifespan is an error, not a client's broken connection."""

    async def fails(_app):
        raise RuntimeError("no database")
        yield

    with pytest.raises(ServingError, match="did not start"):
        drill(FastAPI(lifespan=fails), [("GET", "/")])
