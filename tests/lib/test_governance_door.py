"""The guarded server over real HTTP: every address × every role × every kind of credential, against a table by hand."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Match

from lib.governance.authority import open_authority
from lib.governance.data_routes import data_routes
from lib.governance.desk import Desk
from lib.governance.desk_routes import desk_routes
from lib.governance.door import door, row_budget
from lib.governance.people import PREFIX, People
from lib.governance.rates import Meter, Rates
from lib.governance.routes import ROUTES, permission
from lib.governance.trail import open_trail
from lib.monitoring.audit import ActionLog
from lib.monitoring.control_room import control_room
from lib.monitoring.hook import alerts_hook
from lib.monitoring.respond import Responder
from lib.serving import create_app, inference_v2, read_predictions
from lib.settings import Settings
from tests.lib.serving_tools import NAME, WAIT_S, forest, rows, serving

ROLES = ("learner", "scientist", "reviewer", "operator", "auditor")
HOOK_TOKEN = "alertmanager-knows-it"
MANY = Rates(requests="100000/minute", rows="100000/minute", failures="100000/minute")

# Written by hand, from what each role is for; nothing here is read from the policy. A letter is a role that may
# (learner, scientist, reviewer, operator, auditor); "open" is everybody without a credential.
TABLE = [
    ("GET", "/live", "open"),
    ("GET", "/ready", "open"),
    ("GET", "/health", "open"),
    ("GET", "/ping", "open"),
    ("GET", "/v2/health/live", "open"),
    ("GET", "/v2/health/ready", "open"),
    ("POST", "/predict", "lso"),
    ("POST", "/invocations", "lso"),
    ("POST", "/v2/models/{name}/infer", "lso"),
    ("POST", "/v2/models/{name}/versions/{number}/infer", "lso"),
    ("GET", "/v2", "lsroa"),
    ("GET", "/v2/models/{name}", "lsroa"),
    ("GET", "/v2/models/{name}/ready", "lsroa"),
    ("GET", "/v2/models/{name}/versions/{number}", "lsroa"),
    ("GET", "/v2/models/{name}/versions/{number}/ready", "lsroa"),
    ("GET", "/version", "lsroa"),
    ("GET", "/docs", "lsroa"),
    ("GET", "/docs/oauth2-redirect", "lsroa"),
    ("GET", "/openapi.json", "lsroa"),
    ("GET", "/runbooks/{name}", "lsroa"),
    ("GET", "/metrics", "sroa"),
    ("GET", "/", "sroa"),
    ("GET", "/control-room/state", "sroa"),
    ("GET", "/control-room/{name}", "sroa"),
    ("POST", "/alerts", "o"),
    ("GET", "/predictions", "s"),
    ("GET", "/whoami", "lsroa"),
    ("POST", "/tokens", "lsroa"),
    ("POST", "/models/{name}/versions", "s"),
    ("POST", "/models/{name}/versions/{number:int}/approval", "r"),
    ("POST", "/models/{name}/versions/{number:int}/staging", "s"),
    ("POST", "/models/{name}/versions/{number:int}/production", "o"),
    ("POST", "/models/{name}/versions/{number:int}/archive", "o"),
    ("POST", "/models/{name}/rollback", "o"),
    ("GET", "/trail", "a"),
]
NOBODY = [
    ("GET", "/predict"), ("PUT", "/predict"), ("DELETE", "/predict"), ("OPTIONS", "/predict"), ("TRACE", "/predict"),
    ("POST", "/metrics"), ("POST", "/"), ("GET", "/nothing"), ("GET", "/predict/"), ("POST", "/predict/"),
    ("GET", "//metrics"), ("GET", "/metrics/"), ("GET", "/Metrics"), ("GET", "/metrics%2f"),
    ("GET", "/live/../metrics"), ("GET", "/live/%2e%2e/metrics"), ("GET", "/ready%00"), ("GET", "/ready%3Fx"),
    ("POST", "/live"), ("GET", "/v2/models/a/b/infer"),
    ("GET", "/control-room/a/b"), ("GET", "/redoc"),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("guarded")


@pytest.fixture(scope="module")
def credentials(folder):
    """By role, what somebody of that role may show, and what kind of credential it is."""
    authority = open_authority(folder)
    yesterday = People(folder / "access.db", clock=lambda: datetime.now(UTC) - timedelta(days=1))
    found = {}
    for role in ROLES:
        person = f"{role}-person"
        authority.people.put(person, [role])
        right, revoked = authority.people.issue(person).text, authority.people.issue(person)
        authority.people.revoke(revoked.id)
        scopes = [each for each in set(ROUTES.values()) - {"open"} if authority.identify(right).may(each)]
        found[role] = {
            "no": None,
            "wrong": f"{right[:-2]}{'aa' if right[-2:] != 'aa' else 'bb'}",
            "expired": yesterday.issue(person, days=0.5).text,
            "revoked": revoked.text,
            "right": right,
            "token": authority.token(authority.identify(right), scopes),
            "narrow token": authority.token(authority.identify(right), ["documents:read"]),
        }
    yesterday.close()
    yield found
    authority.people.close()


@pytest.fixture(scope="module")
def trail(folder):
    return open_trail(folder)


@pytest.fixture(scope="module")
def server(folder, credentials, trail):
    authority, meter = open_authority(folder), Meter(MANY)
    log = ActionLog(folder / "actions.jsonl")
    placed = Settings(root=folder)
    desk = desk_routes(Desk(authority, trail, settings=placed), authority=authority, trail=trail)
    extensions = [
        control_room(placed, log=log), alerts_hook(Responder([], [], log), token=HOOK_TOKEN), desk,
        data_routes(placed.prediction_folder),
    ]  # fmt: skip
    app = create_app(
        forest(), settings=placed, access=door(authority, meter, witness=trail.add), screens=[row_budget(meter)],
        extensions=extensions,
    )  # fmt: skip
    with serving(app) as served, requests.Session() as session:
        served.app.state.session = session
        yield served
    authority.people.close()


def tensors(served) -> dict:
    """One row, as the Open Inference Protocol has it."""
    inputs = inference_v2.metadata(served.app.state.service.bundle)["inputs"]
    return {"inputs": [{**each, "shape": [1], "data": [rows(1)[0][each["name"]]]} for each in inputs]}


BODIES = {
    "/predict": rows(1)[0],
    "/invocations": {"dataframe_records": rows(1)},
    "/alerts": {"version": "4", "alerts": []},
    "/tokens": {"scopes": ["documents:read"]},
    "/models/{name}/versions": {"run_id": "none"},
}


def ask(served, method, form, credential, **headers):
    """The status of one request to an address of the table, or to any other."""
    path = form.replace("{number}", "1").replace("{number:int}", "1")
    path = path.replace("{name}", NAME if "/models" in form else "DataDrift" if "runbooks" in form else "style.css")
    if credential is not None:
        headers["X-API-Key"] = credential
    if form == "/alerts":
        headers["Authorization"] = f"Bearer {HOOK_TOKEN}"
    body = BODIES.get(form, tensors(served) if form.endswith("/infer") else {}) if method == "POST" else None
    session = served.app.state.session
    return session.request(method, served.url + path, json=body, headers=headers, timeout=WAIT_S, allow_redirects=False)


def test_table_has_every_address_of_the_server(server):
    """One that is added later is noticed here, and open to nobody until somebody decides."""
    there = {
        (method, route.path)
        for route in server.app.routes
        for method in route.methods - {"HEAD"}
    }  # fmt: skip
    assert there == {(method, path) for method, path, _ in TABLE}
    assert there == set(ROUTES)


@pytest.mark.parametrize("kind", ["no", "wrong", "expired", "revoked", "right", "token", "narrow token"])
def test_every_address_for_every_role_with_every_credential(server, credentials, kind):
    """401 for a credential that opens nothing, 403 for a role that may not, and an answer for whoever may."""
    wanted, found = {}, {}
    for method, form, who in TABLE:
        for role in ROLES:
            case = method, form, role
            found[case] = ask(server, method, form, credentials[role][kind]).status_code
            allowed = role[0] in who
            if kind == "narrow token":
                allowed = allowed and "l" in who and method == "GET"
            good = kind in ("right", "token", "narrow token")
            # There is no such run, and no such version: the desk itself says so.
            passed = 409 if form.endswith("/versions") else 404 if form.startswith("/models") else 200
            if kind == "token" and form == "/tokens":
                passed = 403  # a token makes no other
            wanted[case] = passed if who == "open" or (good and allowed) else 403 if good else 401
    assert {case: status for case, status in found.items() if status != wanted[case]} == {}
    assert len(found) == len(TABLE) * len(ROLES)


@pytest.mark.parametrize(("method", "path"), NOBODY)
def test_what_stands_nowhere_is_open_to_nobody(server, credentials, method, path):
    """Other methods, other spellings, other addresses: 401 for a stranger, 403 for everybody else, never an answer."""
    host = server.url.removeprefix("http://")
    for credential, status in [(None, 401), *((credentials[role]["right"], 403) for role in ROLES)]:
        headers = {} if credential is None else {"X-API-Key": credential}
        with contextlib.closing(HTTPConnection(host, timeout=WAIT_S)) as connection:  # requests would tidy the path up
            connection.request(method, path, headers=headers)
            assert connection.getresponse().status == status, credential


WORDS = [
    "", ".", "..", "?", "#", "%2f", "models", "versions", "v2", "live", "ready", "infer", "1", "-1", "1.5", "x y",
    "metrics", "predict", "health", "trail", "approval", "production", "rollback", "control-room", "runbooks", "é",
]  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    path=st.one_of(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(lambda words: "/" + "/".join(words)),
        st.sampled_from([path for _, path, _ in TABLE]).flatmap(
            lambda path: st.sampled_from(WORDS).map(lambda word: re.sub(r"{[^}]+}", word, path))
        ),
    ),
)
def test_door_and_router_read_every_path_alike(server, method, path):
    """No path gets to one address by another one's permission, and none gets anywhere without one."""
    scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    routes = [route for route in server.app.routes if route.matches(scope)[0] == Match.FULL]
    reached = {ROUTES["GET" if method == "HEAD" else method, route.path] for route in routes[:1]}
    assert reached <= {permission(method, path)}


@pytest.mark.parametrize("host", ["x/live?", "x/live#", "x:80/live?", "/live?", "x\\live", "a@b/live?"])
def test_host_header_opens_no_address(server, host):
    """What is put there must not be read as the path."""
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=WAIT_S) as connection:
        connection.sendall(f"GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert b" 401 " in connection.recv(100)


def test_the_same_credential_in_each_of_its_places(server, credentials):
    """X-API-Key, a bearer token, and the password of HTTP Basic, which a browser asks for; the first one counts."""
    key = credentials["learner"]["right"]
    basic = base64.b64encode(f"anybody:{key}".encode()).decode()

    def status(**headers):
        return server.app.state.session.get(server.url + "/v2", headers=headers, timeout=WAIT_S).status_code

    assert status(**{"X-API-Key": key}) == 200
    assert status(Authorization=f"Bearer {key}") == 200
    assert status(Authorization=f"basic {basic}") == 200
    assert status(Authorization=f"Bearer {key}", **{"X-API-Key": "another"}) == 401
    for odd in (f"Basic {key}", "Basic", "Bearer", f"Digest {key}", key, "Basic " + base64.b64encode(b"\xff").decode()):
        assert status(Authorization=odd) == 401, odd


def test_another_site_s_page_cannot_use_what_a_browser_remembers(server, credentials):
    """HTTP Basic is added by the browser itself; a page from elsewhere that posts with it is refused."""
    key = credentials["learner"]["right"]
    basic = {"Authorization": f"Basic {base64.b64encode(f':{key}'.encode()).decode()}"}
    for site, status in (("cross-site", 401), ("same-site", 401), ("same-origin", 200), ("none", 200)):
        assert ask(server, "POST", "/predict", None, **basic, **{"Sec-Fetch-Site": site}).status_code == status, site
    assert ask(server, "POST", "/predict", key, **{"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_refusal_says_what_is_missing_and_how_to_come_in(server, credentials):
    """With a challenge that a browser understands, and without a word about other people's keys."""
    stranger = ask(server, "GET", "/metrics", None)
    assert "X-API-Key" in stranger.json()["error"]
    assert stranger.headers["WWW-Authenticate"] == 'Basic realm="model server"'
    assert "model" not in ask(server, "GET", "/v2", credentials["learner"]["wrong"]).json()["error"]
    denied = ask(server, "GET", "/metrics", credentials["learner"]["right"]).json()["error"]
    assert denied == "learner-person is learner, and this needs figures:read"
    narrow = ask(server, "POST", "/predict", credentials["operator"]["narrow token"]).json()["error"]
    assert "with a token for documents:read, and this needs predictions:ask" in narrow


def test_revocation_and_a_lost_role_count_at_the_next_request(server, folder):
    """By another process's hand, on the connection that was open."""
    elsewhere = open_authority(folder)
    people = elsewhere.people
    people.put("bob", ["operator"])
    key = people.issue("bob")
    token = elsewhere.token(elsewhere.identify(key.text), ["alerts:act"])
    seen = [ask(server, "POST", "/alerts", each).status_code for each in (key.text, token)]
    people.put("bob", ["learner"])
    seen += [ask(server, "POST", "/alerts", each).status_code for each in (key.text, token)]
    people.put("bob", ["operator"])
    new = people.rotate(key.id)
    seen += [ask(server, "POST", "/alerts", each).status_code for each in (key.text, token, new.text)]
    people.close()
    assert seen == [200, 200, 403, 403, 401, 401, 200]


def test_refusals_of_known_people_are_in_the_trail_once_a_minute(server, folder, trail):
    """Who asked for what; somebody who tries on and on fills no disk, and a stranger leaves no line at all."""
    authority = open_authority(folder)
    authority.people.put("eve", ["learner"])
    key = authority.people.issue("eve")
    before = len(trail.lines())
    for form in (
        "/metrics",
        "/metrics",
        "/control-room/state",
        "/nothing",
        *(f"/made-up/{number}" for number in range(5)),
    ):
        assert ask(server, "GET", form, key.text).status_code == 403
    authority.people.revoke(key.id)
    for credential in (key.text, key.text, "nobody's"):
        assert ask(server, "GET", "/metrics", credential).status_code == 401
    authority.people.close()
    told = [(line.by, line.what, line.about.get("asked")) for line in trail.lines()[before:]]
    assert told == [
        ("eve", "denied", "GET /metrics"), ("eve", "denied", "GET /nothing"), (f"key {key.id}", "refused", None),
    ]  # fmt: skip
    assert trail.verify().ok


def test_no_secret_is_written_anywhere(server, folder, credentials):
    """All that the server keeps, and all that it says at /metrics and in the control room, holds no credential."""
    for role in ROLES:
        ask(server, "POST", "/predict", credentials[role]["right"])
    said = [
        ask(server, "GET", path, credentials["scientist"]["right"]).content
        for path in ("/metrics", "/control-room/state", "/openapi.json")
    ]
    assert len(read_predictions(folder / "predictions").df()) > 0
    kept = b"".join([*said, *(path.read_bytes() for path in folder.rglob("*") if path.is_file())])
    held = [text for each in credentials.values() for text in each.values() if text]
    assert len(held) == 30
    assert [text for text in held if text.removeprefix(f"{PREFIX}_").encode()[9:] in kept] == []


@pytest.fixture
def narrow(folder, credentials):
    """A server that gives little to each person."""
    authority = open_authority(folder)
    meter = Meter(Rates(requests="5/minute", rows="40/hour", failures="3/minute"))
    app = create_app(
        forest(), settings=Settings(root=folder), access=door(authority, meter), screens=[row_budget(meter)]
    )
    with serving(app) as served, requests.Session() as session:
        served.app.state.session = session
        yield served
    authority.people.close()


def test_too_many_requests_are_refused_with_when_to_come_again(narrow, credentials):
    """By person, not by key; others go on, and probes are never counted."""
    answers = [ask(narrow, "POST", "/predict", credentials["learner"]["right"]) for _ in range(4)]
    answers += [ask(narrow, "POST", "/predict", credentials["learner"]["token"]) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert ask(narrow, "GET", "/metrics", credentials["learner"]["right"]).status_code == 429, "refusals count as well"
    assert "more than 5/minute; come again in" in answers[-1].json()["error"]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert ask(narrow, "POST", "/predict", credentials["operator"]["right"]).status_code == 200
    assert {ask(narrow, "GET", "/ready", None).status_code for _ in range(20)} == {200}


def test_bad_credentials_of_one_address_are_bounded_and_good_ones_pass(narrow, credentials):
    """Whoever tries many is refused unheard, and does not lock out those beside him."""
    tries = [ask(narrow, "POST", "/predict", "guess").status_code for _ in range(5)]
    assert tries == [401, 401, 401, 429, 429]
    assert ask(narrow, "POST", "/predict", credentials["learner"]["right"]).status_code == 200


def test_rows_are_counted_in_whatever_requests_they_come(narrow, credentials):
    """Forty in two requests, then none: also through another protocol, and a larger one at once takes nothing."""
    key = credentials["scientist"]["right"]

    def asked(count, path="/predict"):
        body = {"rows": rows(count)} if path == "/predict" else {"dataframe_records": rows(count)}
        session = narrow.app.state.session
        return session.post(narrow.url + path, json=body, headers={"X-API-Key": key}, timeout=WAIT_S)

    assert [asked(41).status_code, asked(30).status_code, asked(10, "/invocations").status_code] == [429, 200, 200]
    refused = asked(1, "/invocations")
    assert refused.status_code == 429
    assert "more than 40/hour rows" in json.loads(refused.content)["error"]
