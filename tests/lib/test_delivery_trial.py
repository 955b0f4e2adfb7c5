"""A release on trial, as far as no image is needed: what is expected of it, waiting for it, and what is said if not.

With the image it is tried in tests/test_container.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from lib.cli import main
from lib.delivery.smoke import Expected, golden_answers, read_expected
from lib.delivery.trial import expect_champion, load_image, read_candidate, wait_until_ready
from lib.errors import DeliveryError
from lib.serving import Limits, create_app, first
from lib.serving.first import ensure_champion
from lib.settings import Settings
from tests.lib.serving_tools import NAME, free_port, serving


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    """A registry with a small champion."""
    settings = Settings(root=tmp_path_factory.mktemp("champion"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(first, "ROWS", 300)
        patch.setattr(first, "TREES", 3)
        ensure_champion(NAME, settings=settings, say=lambda _text: None)
    return settings


@pytest.fixture(scope="module")
def served(settings) -> Iterator[str]:
    """The address of a server of that champion."""
    from lib.registry import load

    app = create_app(load(NAME, settings=settings), settings=settings, limits=Limits(poll_s=60))
    with serving(app) as running:
        yield running.url


def test_python_m_lib_smoke_asks_for_the_champion_s_answers(settings, served, capsys):
    """Six checks pass; what is expected comes from the registry, so that nobody has to write it down."""
    assert main(["smoke", served, "--root", str(settings.root)]) == 0
    said = capsys.readouterr().out
    assert said.count("passed ") == 6
    assert "8 predictions lie where they should" in said


def test_python_m_lib_smoke_fails_with_the_reason(settings, served, tmp_path, capsys):
    """Another price than was expected: exit code 1, and the check that failed on stderr."""
    sound = expect_champion(NAME, settings=settings)
    rows, prices = [each.row for each in sound.golden], [1.01 * each.low for each in sound.golden]
    path = tmp_path / "expected.json"
    path.write_text(Expected(golden=golden_answers(rows, prices)).model_dump_json())
    assert main(["smoke", served, "--expected", str(path)]) == 1
    assert "error: the release is stopped. golden: 8 of 8 predictions are off" in capsys.readouterr().err


def test_expectations_are_read_as_they_are_or_from_a_record(settings, tmp_path):
    """The file that travels with a version, or the record of the pipeline's last step; anything else is named."""
    expected = expect_champion(NAME, settings=settings)
    path = tmp_path / "said.json"
    for text in (expected.model_dump_json(), json.dumps({"version": 1, "expected": expected.model_dump()})):
        path.write_text(text)
        assert read_expected(path) == expected
    for text in ("no JSON", "[1, 2]", "{}", '{"golden": []}'):
        path.write_text(text)
        with pytest.raises(DeliveryError, match=r"said.json does not say what to expect: .*Name a file that does"):
            read_expected(path)
    with pytest.raises(DeliveryError, match="No such file"):
        read_expected(tmp_path / "none.json")


def test_no_candidate_and_no_image_are_told(tmp_path):
    """Each says which command makes what is missing."""
    with pytest.raises(DeliveryError, match=r"no candidate to try: .*Run `make pipeline` first"):
        read_candidate(tmp_path)
    with pytest.raises(DeliveryError, match=r"image.tar is not there.*Run `make image ARCHIVE=.*image.tar`"):
        load_image(tmp_path / "image.tar")


@pytest.mark.parametrize("missing", ["MLOPS_TRACKING_URI", "MLOPS_LEDGER_URI"])
@pytest.mark.parametrize("how", ["unset", "empty"])
def test_a_missing_secret_stops_production_before_anything_starts(missing, how, monkeypatch, tmp_path, capsys):
    """GitHub gives an empty text for a secret that there is not; no other registry is taken in its place."""
    monkeypatch.chdir(tmp_path)
    for name in ("MLOPS_TRACKING_URI", "MLOPS_LEDGER_URI"):
        monkeypatch.setenv(name, "sqlite:///here.db")
    monkeypatch.delenv(missing) if how == "unset" else monkeypatch.setenv(missing, "")
    assert main(["try", "production"]) == 1
    said = capsys.readouterr().err
    assert f"the secret {missing} is missing" in said
    assert list(tmp_path.iterdir()) == []


def test_waiting_ends_with_the_server_or_with_its_last_word():
    """Whoever ended is told at once, whoever is not ready with the answer that it gave last."""
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(DeliveryError, match="ended before it was ready: no such image"):
        wait_until_ready(address, ended=lambda: "no such image")
    with pytest.raises(DeliveryError, match=r"was not ready within 0.2 s; the last answer: no answer: .*refused"):
        wait_until_ready(address, wait_s=0.2)
    app = FastAPI()
    app.get("/ready")(lambda: PlainTextResponse("no champion", 503))
    with serving(app, ready=False) as unready, pytest.raises(DeliveryError, match="the last answer: 503 no champion"):
        wait_until_ready(unready.url, wait_s=0.5)
