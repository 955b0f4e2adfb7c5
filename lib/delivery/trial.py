"""A release on trial: the server's container image on this machine, with a version of a registry, asked over HTTP."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from lib.child import start_child, stop_child
from lib.delivery.pipeline import find_step
from lib.delivery.smoke import Expected, SmokeReport, golden_answers, smoke
from lib.delivery.steps import Registered
from lib.errors import DeliveryError
from lib.settings import Settings, absolute_variables

if TYPE_CHECKING:
    from lib.registry import Admit

GOLDEN_ROWS = 8
WAIT_S = 120.0
_POLL_S = 0.1
_LINES_SHOWN = 20
_NO_RIGHTS = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "all", "--security-opt", "no-new-privileges")  # noqa: S108


def read_candidate(root: Path) -> Registered:
    """The version that the pipeline in the workspace `root` registered last, with what it must answer."""
    path = root / find_step("register_candidate").output
    try:
        return Registered.model_validate_json(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise DeliveryError(f"there is no candidate to try: {path}: {first}. Run `make pipeline` first.") from error


def expect_champion(name: str, *, settings: Settings, admit: Admit | None = None) -> Expected:
    """What the champion of `name` answers here, for a server elsewhere to answer the same."""
    from lib.registry import load
    from lib.serving.bundle import make_bundle

    loaded = load(name, admit=admit, settings=settings)
    bundle = make_bundle(loaded)
    rows = bundle.schema.examples(GOLDEN_ROWS)
    answers = [float(answer) for answer in bundle.answer(rows)]
    return Expected(golden=golden_answers(rows, answers), model_version=loaded.version)


def load_image(archive: Path) -> None:
    """Take the image that `make image ARCHIVE=…` kept, as it was built; raises DeliveryError when it cannot be had."""
    if not archive.is_file():
        raise DeliveryError(
            f"{archive} is not there, and the image to try is in it. Run `make image ARCHIVE={archive}`."
        )
    _call("load", "--input", str(archive))


def try_image(image: str, expected: Expected, *, name: str, settings: Settings, wait_s: float = WAIT_S) -> SmokeReport:
    """Start `image` with the version that `expected` names, of the registry in `settings`, and ask it everything.

    It runs with no rights, as the user who calls, on a free port of this machine, and is gone afterwards. Raises
    DeliveryError, with the last lines it said, when it ends or is not ready within `wait_s`.
    """
    with _running(image, ["--model", name, "--model-version", str(expected.model_version)], settings) as (url, ended):
        wait_until_ready(url, wait_s=wait_s, ended=ended)
        return smoke(url, expected)


def wait_until_ready(url: str, *, wait_s: float = WAIT_S, ended: Callable[[], str | None] = lambda: None) -> None:
    """Return once /ready is 200; raises DeliveryError with the last answer after `wait_s`, or when `ended` says why."""
    deadline, last = time.monotonic() + wait_s, "nobody listens"
    with httpx.Client(base_url=url, timeout=5.0, trust_env=False) as client:
        while time.monotonic() < deadline:
            if (why := ended()) is not None:
                raise DeliveryError(f"the server ended before it was ready: {why}")
            try:
                answer = client.get("/ready")
            except httpx.HTTPError as error:
                last = f"no answer: {str(error) or type(error).__name__}"
            else:
                if answer.status_code == 200:
                    return
                last = f"{answer.status_code} {answer.text:.300}"
            time.sleep(_POLL_S)
    raise DeliveryError(f"{url} was not ready within {wait_s:g} s; the last answer: {last}")


@contextmanager
def _running(image: str, options: list[str], settings: Settings) -> Iterator[tuple[str, Callable[[], str | None]]]:
    """The address of a container that ends with the block, or with us; and what tells whether it ended, and why."""
    engine, port, signers = _engine(), _free_port(), Settings(signers=settings.signers)
    container = f"mlops-trial-{port}"
    with tempfile.TemporaryDirectory() as scratch:
        log, folder = Path(scratch, "said"), Path(scratch, "run")
        folder.mkdir()
        # A file and not the command line, which every user of this machine can read: the addresses may hold passwords.
        (folder / "environment").write_text(
            f"MLOPS_ROOT={settings.root.resolve()}\nMLOPS_TRACKING_URI={settings.store_uri}\n"
            f"MLOPS_LEDGER_URI={settings.ledger_store_uri}\n"
            + "".join(f"{name}={value}\n" for name, value in absolute_variables(signers).items())
        )
        command = [
            engine, "run", "--rm", "--name", container, *_NO_RIGHTS, *_as_caller(engine), "--network", "host",
            # Under its own path: MLflow's store on SQLite names the files of its models by it.
            "--volume", f"{settings.root.resolve()}:{settings.root.resolve()}",
            *(f"--volume={key.absolute()}:{key.absolute()}:ro" for key in settings.signers),
            "--env-file", str(folder / "environment"), image,
            "serve", "--host", "127.0.0.1", "--port", str(port), *options,
        ]  # fmt: skip
        child = start_child(command, folder, log=log)

        def ended() -> str | None:
            return None if child.poll() is None else _last_lines(log)

        try:
            yield f"http://127.0.0.1:{port}", ended
        finally:
            stop_child(child)
            # Where the engine's client was killed, the container was not.
            subprocess.run([engine, "rm", "--force", container], capture_output=True, check=False)


def _engine() -> str:
    for name in ("podman", "docker"):
        if found := shutil.which(name):
            return found
    raise DeliveryError("neither podman nor docker is installed. Install one (Debian: apt-get install podman).")


def _as_caller(engine: str) -> tuple[str, ...]:
    """So that it may write to the caller's folder; without root, podman gives other numbers to users unless told."""
    keep = ("--userns", "keep-id") if Path(engine).name == "podman" and os.getuid() != 0 else ()
    return (*keep, "--user", f"{os.getuid()}:{os.getgid()}")


def _call(*words: str) -> None:
    done = subprocess.run([_engine(), *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DeliveryError(f"{Path(_engine()).name} {' '.join(words)} failed: {done.stderr.strip()[-500:]}")


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-_LINES_SHOWN:])


def _free_port() -> int:
    with socket.socket() as address:
        address.bind(("127.0.0.1", 0))
        port: int = address.getsockname()[1]
    return port
