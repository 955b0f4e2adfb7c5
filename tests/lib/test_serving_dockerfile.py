"""What a Dockerfile would ship is read from its text, and the lab's checks judge it as a reviewer would."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from autograder.build import load_lab
from autograder.check import shared_names
from autograder.course import load_course
from autograder.lab import Failure
from lib.serving.dockerfile import inspect_image

ROOT = Path(__file__).parents[2]
HEALTH = """HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health')"]"""
START = 'CMD ["python", "-m", "uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]'
INSTALL = "RUN pip install --no-cache-dir --require-hashes -r requirements.lock && useradd --uid 10001 app"
GOOD = f"""
FROM python:3.11-slim-bookworm
WORKDIR /srv
COPY requirements.lock ./
{INSTALL}
COPY app.py ./
COPY lib/ ./lib/
USER app
{HEALTH}
{START}
"""
DIGEST = "python@sha256:8fb099199b9f2d70342674bd9dbccd3ed03a258f26bbd1d556822c6dfc60c317"


@cache
def _checks():
    course = load_course(ROOT)
    lab = load_lab(course, "03_serving")
    shared = shared_names(lab, dict(course["03_serving"].parameters))
    return shared, [lab["code-dockerfile-check"].source, lab["code-dockerfile-check-2"].source]


def verdict(text: str) -> str:
    """Why the lab's checks refuse `text`; empty when they take it."""
    shared, sources = _checks()
    for source in sources:
        try:
            exec(source, {**shared, "dockerfile": text})
        except Failure as failure:
            return str(failure)
    return ""


def changed(old: str, new: str) -> str:
    """GOOD with one piece replaced."""
    assert old in GOOD
    return GOOD.replace(old, new)


def installing(command: str) -> str:
    return changed(INSTALL, f"RUN useradd app\nRUN {command}")


TWO_STAGES = (
    """
FROM python:3.11-slim AS build
COPY requirements.lock /tmp/lock.txt
RUN python -m venv /venv && /venv/bin/pip install --require-hashes -r /tmp/lock.txt
{build}
FROM python:3.11-slim
RUN useradd app
WORKDIR /srv
{take}
COPY app.py .
COPY lib lib
USER 10001:10001
"""
    f"{HEALTH}\n{START}\n"
)

RIGHT = {
    "as written": GOOD,
    "digest": changed("python:3.11-slim-bookworm", DIGEST),
    "argument for the tag": "ARG PYTHON=3.11\n" + changed("python:3.11-slim-bookworm", "python:${PYTHON}-slim"),
    "lower case and tabs": GOOD.replace("COPY ", "copy\t").replace("USER app", "user\tapp"),
    "comment and continuation": changed(" && useradd", " \\\n    # a user\n    && useradd"),
    "heredoc": changed(INSTALL, f"RUN <<EOF\n{INSTALL[4:].replace(' && ', chr(10))}\nEOF"),
    "JSON form": changed(INSTALL, 'RUN useradd app\nRUN ["pip", "install", "--require-hashes", "-r", "requirements.lock"]'),
    "piped": installing("pip install --require-hashes -r requirements.lock | tee /tmp/log"),
    "options with values": installing(
        "pip install --timeout 60 --retries 5 --cache-dir /tmp/c --only-binary :all: --require-hashes -r requirements.lock"
    ),
    "install of coreutils": installing("install -d /data && pip install --require-hashes -r requirements.lock"),
    "hashes by environment": changed(INSTALL, "ENV PIP_REQUIRE_HASHES=1\nRUN useradd app && pip install -r requirements.lock"),
    "uv": installing("uv pip install --system --require-hashes -r requirements.lock"),
    "mounted lock": changed(
        f"COPY requirements.lock ./\n{INSTALL}",
        "RUN useradd app\nRUN --mount=type=bind,source=requirements.lock,target=/tmp/r.lock "
        "pip install --require-hashes -r /tmp/r.lock",
    ),
    "harmless names": changed(
        "USER app",
        'ENV TOKENIZERS_PARALLELISM=false REGISTRY_PASSWORD_FILE=/run/secrets/x\nLABEL description="holds no secret"\nUSER app',
    ),
    "two stages": TWO_STAGES.format(build="", take="COPY --from=build /venv /venv"),
    "a careless stage that is not taken along": TWO_STAGES.format(
        build="COPY . /all", take="COPY --from=build /venv /venv"
    ),
    "code in a stage of its own": changed("FROM python", "FROM python:3.11-slim AS code\nWORKDIR /c\nCOPY app.py ./\n"
                                          "COPY lib/ lib/\nFROM python").replace("COPY app.py ./\nCOPY lib/ ./lib/\nUSER",
                                                                               "COPY --from=code /c/ ./\nUSER"),
    "host by environment": changed('"--host", "0.0.0.0", ', "").replace("USER app", "ENV UVICORN_HOST=0.0.0.0\nUSER app"),
    "gunicorn": changed(START, 'CMD ["gunicorn", "-k", "uvicorn.workers.UvicornWorker", "-b", "0.0.0.0:8000", "app:app"]'),
    "fastapi run": changed(START, 'CMD ["fastapi", "run", "app.py"]'),
    "entry point and arguments": changed(START, 'ENTRYPOINT ["uvicorn", "app:app"]\nCMD ["--host=0.0.0.0", "--port=8000"]'),
    "exec": changed(START, "CMD exec uvicorn app:app --host 0.0.0.0"),
    "a shell that execs": changed(START, 'CMD ["sh", "-c", "exec uvicorn app:app --host 0.0.0.0"]'),
    "ADD": GOOD.replace("COPY", "ADD"),
    "user by number": changed("USER app", "USER 10001:10001"),
    "health check in shell form": changed(
        HEALTH, "HEALTHCHECK --interval=5s CMD python -c \"import urllib.request as u; u.urlopen('http://localhost:8000/live')\""
    ),
}  # fmt: skip

WRONG = {
    "empty": "",
    "the folder's content beside the program": changed("COPY app.py ./\nCOPY lib/ ./lib/", "COPY app.py lib/ ./"),
    "nothing taken from the first stage": TWO_STAGES.format(build="", take=""),
    "from scratch": changed("python:3.11-slim-bookworm", "scratch"),
    "echo of an installation": installing("echo pip install --require-hashes -r requirements.lock"),
    "a user that nobody made": changed(" && useradd --uid 10001 app", ""),
    "echo of a server": changed(START, 'CMD ["echo", "--host", "0.0.0.0"]'),
    "a second CMD": GOOD + 'CMD ["python"]\n',
    "whole folder": changed("COPY app.py ./", "COPY . ./"),
    "over the parent": changed("COPY app.py ./", "COPY lib/../ ./"),
    "all of a kind": changed("COPY app.py ./", "COPY *.json app.py ./"),
    "two files more": changed("COPY app.py ./", "COPY README.md settings.toml app.py ./"),
    "the folder mounted and copied": changed("USER app", "RUN --mount=type=bind,target=/ctx cp -r /ctx/. .\nUSER app"),
    "from elsewhere": changed("USER app", "ADD https://example.org/app.tar /srv/\nUSER app"),
    "on build": changed("USER app", "ONBUILD COPY . .\nUSER app"),
    "password": changed("USER app", "ENV REGISTRY_PWD=correct-horse\nUSER app"),
    "key": changed("USER app", "ENV REGISTRY_KEY=correct-horse\nUSER app"),
    "password without a sign": changed("USER app", "ENV REGISTRY_PASSWORD correct-horse\nUSER app"),
    "password in an address": changed("USER app", "ENV REGISTRY_URI=https://bob:horse@registry\nUSER app"),
    "password into a file": changed("USER app", "RUN echo REGISTRY_PASSWORD=correct-horse > .netrc\nUSER app"),
    "password exported": changed("USER app", "RUN export REGISTRY_PASSWORD=correct-horse\nUSER app"),
    "password at the start": changed(START, 'CMD ["env", "REGISTRY_PASSWORD=horse", "uvicorn", "app:app", "--host=0.0.0.0"]'),
    "a heredoc with a password": changed("USER app", "COPY <<EOF /srv/.env\nREGISTRY_PASSWORD=correct-horse\nEOF\nUSER app"),
    "copied and deleted": changed("USER app", "COPY .env ./\nRUN rm .env\nUSER app"),
    "root by number": changed("USER app", "USER 00"),
    "root in quotes": changed("USER app", 'USER "root"'),
    "root by name of a variable": changed("USER app", "ENV APP=root\nUSER $APP"),
    "root again": changed("USER app", "USER app\nUSER root"),
    "no user": changed("USER app\n", ""),
    "a second list": installing("pip install --require-hashes -r requirements.lock -r extra.txt"),
    "one more package": installing("pip install --require-hashes -r requirements.lock gunicorn"),
    "no hashes": installing("pip install -r requirements.lock"),
    "uv add": installing("uv add pandas && pip install --require-hashes -r requirements.lock"),
    "uv sync": installing("uv sync"),
    "poetry": installing("poetry install"),
    "conda": installing("conda install pandas"),
    "a whole line of versions": changed("python:3.11-slim-bookworm", "python:3"),
    "slim": changed("python:3.11-slim-bookworm", "python:3-slim"),
    "latest": changed("python:3.11-slim-bookworm", "python:latest"),
    "no tag": changed("python:3.11-slim-bookworm", "python"),
    "code before packages": changed(INSTALL + "\nCOPY app.py ./", "COPY app.py ./\n" + INSTALL),
    "shell form": changed(START, "CMD uvicorn app:app --host 0.0.0.0"),
    "single quotes": changed(START, "CMD ['uvicorn', 'app:app', '--host', '0.0.0.0']"),
    "dash": changed(START, 'CMD ["dash", "-c", "uvicorn app:app --host 0.0.0.0"]'),
    "to itself": changed("0.0.0.0", "127.0.0.1"),
    "reloads": changed('"--port"', '"--reload", "--port"'),
    "reloads by environment": changed("USER app", "ENV UVICORN_RELOAD=true\nUSER app"),
    "no health check": changed(HEALTH, ""),
    "no health check on purpose": changed(HEALTH, "HEALTHCHECK NONE"),
    "health is said, not asked": changed(HEALTH, "HEALTHCHECK CMD echo /health"),
    "always true": changed(HEALTH, 'HEALTHCHECK CMD ["true", "/health"]'),
    "another address": changed("/health", "/healthz"),
    "another port": changed("8000/health", "9000/health"),
    "never unhealthy": changed(HEALTH, 'HEALTHCHECK CMD python -c "import urllib.request as u; '
                               "u.urlopen('http://127.0.0.1:8000/health')\" || exit 0"),
    "curl": changed(HEALTH, "HEALTHCHECK CMD curl -f http://127.0.0.1:8000/health"),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_ones_keep_all_points(name):
    """However they are written."""
    assert verdict(RIGHT[name]) == ""


@pytest.mark.parametrize("name", WRONG)
def test_wrong_ones_are_refused_with_a_reason(name):
    """Each lacks one thing."""
    assert verdict(WRONG[name])


def test_the_servers_own_image_is_read():
    """Its base is pinned, it runs as somebody, and holds no secret."""
    text = (ROOT / "assets" / "container" / "Dockerfile").read_text("utf-8")
    image = inspect_image(
        text, ["lib/__init__.py", "requirements-serving.lock", ".env"], lock="requirements-serving.lock"
    )
    assert image.user is not None
    assert not image.secrets
    assert ".env" not in image.files
