"""The compose file: valid, hardened, and each command line that can be run here is."""

from __future__ import annotations

import argparse
import json
import re
import runpy
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from lib.cli import _parser
from lib.governance.people import People
from lib.governance.roles import may
from lib.governance.signing_keys import read_public_key
from lib.monitoring.catalogue import RULES
from lib.redis_server import find_server
from lib.settings import Settings
from tests.lib.serving_tools import WAIT_S, answers, free_port, process, wait
from tests.require import executable

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "assets/container"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
LASTING = {name: service for name, service in SERVICES.items() if service["restart"] != "no"}

every_service = pytest.mark.parametrize("name", SERVICES)


def test_compose_file_follows_its_schema():
    """check-jsonschema ships the schema, so this needs no network."""
    words = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", FOLDER / "compose.yaml"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@every_service
def test_service_has_few_rights(name):
    """A read-only root, no capability but a named one, no way to more; an image by its version."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == ([] if name != "artifacts" else ["CHOWN"])
    assert not {"privileged", "pid", "ipc", "devices"} & service.keys()
    assert service["image"] == "mlops-server" or re.search(r":v?\d+\.\d+(\.\d+)?(-[a-z]+)?$", service["image"])


@pytest.mark.parametrize("name", LASTING)
def test_service_is_watched_and_bounded(name):
    """Memory has a limit, logs too, and health is asked; the server's own check is in its image."""
    service = LASTING[name]
    assert service["mem_limit"]
    assert service["logging"]["options"]["max-size"]
    assert "healthcheck" in service or name == "server"


def test_server_asks_for_keys_and_signatures():
    """Keys lie apart from what the monitor reads; what asks for figures shows the key that is taken in before."""
    server, monitor = SERVICES["server"], SERVICES["monitor"]
    assert _parser().parse_args(server["command"]).auth
    for service in (server, monitor):
        (target,) = (each["target"] for each in service["configs"])
        assert json.loads(service["environment"]["MLOPS_SIGNERS"]) == [target]
    own = {volume.partition(":")[0] for volume in server["volumes"]} - {v.partition(":")[0] for v in monitor["volumes"]}
    assert own == {"access"}
    for name in ("MLOPS_ACCESS", "MLOPS_PSEUDONYM_KEYS"):
        assert server["environment"][name].startswith("/access")
    adopt = _parser().parse_args(SERVICES["figures"]["command"])
    assert may(adopt.role, "figures:read")
    assert not may(adopt.role, "predictions:ask")
    assert server["depends_on"]["figures"] == {"condition": "service_completed_successfully"}
    jobs = {job["job_name"]: job for job in _yaml("prometheus/prometheus.yaml")["scrape_configs"]}
    shown = {adopt.key_file, _watch().key_file, Path(jobs["server"]["authorization"]["credentials_file"])}
    assert shown == {Path("/run/secrets/figures_key")}
    assert all("figures_key" in SERVICES[name]["secrets"] for name in ("figures", "monitor", "prometheus"))


def test_drawn_keys_are_taken(secrets, tmp_path):
    """The key of whoever asks for figures opens, in a file of people; the pair of the signer belongs together."""
    people = People(tmp_path / "access.db")
    people.put("figures", ["auditor"])
    text = (secrets / "figures_key").read_text().strip()
    assert people.adopt("figures", text) == people.recognise(text)
    people.close()
    private = load_pem_private_key((secrets / "signing_key.pem").read_bytes(), None)
    read_public_key(secrets / "signing_key.pub")
    assert private.public_key() == load_pem_public_key((secrets / "signing_key.pub").read_bytes())
    assert stat.S_IMODE((secrets / "signing_key.pem").stat().st_mode) == 0o600


@every_service
def test_only_this_machine_reaches_it(name):
    """Published on loopback or not at all; the stores have no road to the outside."""
    for port in SERVICES[name].get("ports", ()):
        assert port.startswith("127.0.0.1:")
    if name in ("postgres", "redis"):
        assert SERVICES[name]["networks"] == ["back"]
        assert COMPOSE["networks"]["back"]["internal"] is True


@every_service
def test_what_it_refers_to_is_there(name):
    """Files beside the compose file, declared volumes and secrets, services with a health check."""
    service = SERVICES[name]
    for volume in service.get("volumes", ()):
        source = volume.split(":")[0]
        assert (FOLDER / source).is_dir() if source.startswith(".") else source in COMPOSE["volumes"]
    assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys()
    assert {each["source"] for each in service.get("configs", ())} <= COMPOSE["configs"].keys()
    for other, wanted in service.get("depends_on", {}).items():
        if wanted["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
    assert (FOLDER / COMPOSE["configs"]["ledger_database"]["file"]).is_file()


def test_no_password_stands_in_a_file():
    """What looks like one is a file's name."""
    for path in FOLDER.rglob("*"):
        if path.is_file():
            for line in path.read_text().splitlines():
                found = re.search(r"(?i)(password|passwd|secret|token)\w*['\"]?\s*[:=]\s*(\S.*)", line)
                assert not found or re.search(r"/run/secrets/|out/container/|\[", found[2]), f"{path.name}: {line}"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory) -> Path:
    """What `make secrets` draws, in a copy of the course."""
    course = tmp_path_factory.mktemp("course")
    (course / ".ci").mkdir()
    shutil.copy2(ROOT / ".ci/secrets", course / ".ci")
    for _ in range(2):
        subprocess.run([course / ".ci/secrets"], check=True, capture_output=True)
    return course / "out/container"


def test_secrets_are_drawn_once_and_kept_from_others(secrets, tmp_path):
    """Every secret of the compose file, long, drawn anew elsewhere, the same when asked again, in a closed folder."""
    assert {path.name for path in secrets.iterdir()} >= COMPOSE["secrets"].keys()
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    subprocess.run([secrets.parents[1] / ".ci/secrets"], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before
    drawn = [before[f"{name}_password"].strip() for name in ("postgres", "redis", "grafana")]
    assert len(set(drawn)) == 3
    assert all(re.fullmatch(r"[\w-]{32}", password) for password in drawn)
    assert drawn[0] in before["mlflow_store_uri"]
    assert drawn[1] in before["redis_acl"]


def test_server_reads_its_secrets_from_files(secrets, monkeypatch):
    """In a container the ledger's address comes from /run/secrets; the environment wins over it."""
    monkeypatch.setattr("lib.settings.SECRETS", secrets)
    uri = (secrets / "mlops_ledger_uri").read_text()
    assert Settings().ledger_uri == uri
    assert Settings().redis_url == (secrets / "mlops_redis_url").read_text()
    monkeypatch.setenv("MLOPS_LEDGER_URI", "sqlite:///other.db")
    assert Settings().ledger_uri == "sqlite:///other.db"


def test_prometheus_takes_its_configuration(secrets, tmp_path):
    """promtool reads the configuration and the rules; the server is scraped where it listens."""
    promtool = executable("promtool", way_out="apt-get install prometheus")
    copy = shutil.copytree(FOLDER / "prometheus", tmp_path / "prometheus") / "prometheus.yaml"
    copy.write_text(copy.read_text().replace("/run/secrets", str(secrets)))
    done = subprocess.run(
        [promtool, "check", "config", copy],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout
    jobs = {
        job["job_name"]: job["static_configs"][0]["targets"]
        for job in _yaml("prometheus/prometheus.yaml")["scrape_configs"]
    }
    assert jobs["server"] == ["server:8000"]
    assert jobs["monitor"] == [f"monitor:{_watch().port}"]
    assert "EXPOSE 8000" in (FOLDER / "Dockerfile").read_text()


def test_rules_routing_and_boards_are_the_written_ones():
    """No file is edited by hand, and none is left of a board that is no more."""
    written = runpy.run_path(str(ROOT / "assets/write_monitoring.py"))["files"]()
    for path, text in written.items():
        assert path.read_text("utf-8") == text, f"{path} is not what is declared: run make assets"
    for folder in {path.parent for path in written}:
        assert set(folder.iterdir()) <= set(written)


def test_grafana_finds_the_boards_and_their_data():
    """Every panel asks the data source that is provisioned, from the folder that the compose file mounts."""
    (source,) = _yaml("grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    (provider,) = _yaml("grafana/provisioning/dashboards/files.yaml")["providers"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]
    boards = [json.loads(path.read_text()) for path in (FOLDER / "grafana/dashboards").glob("*.json")]
    assert len({board["uid"] for board in boards}) == 3
    for panel in (panel for board in boards for panel in board["panels"]):
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {source["uid"]}


def test_alertmanager_takes_its_configuration_and_routes():
    """amtool reads it; a page reaches the one on call, anything else the tickets."""
    amtool, file = (
        executable("amtool", way_out="apt-get install prometheus-alertmanager"),
        FOLDER / "alertmanager/alertmanager.yaml",
    )
    subprocess.run([amtool, "check-config", file], check=True, capture_output=True)
    for severity, receiver in (("page", "on-call"), ("ticket", "tickets")):
        words = ["config", "routes", "test", f"--config.file={file}", f"severity={severity}"]
        done = subprocess.run([amtool, *words], check=True, capture_output=True, text=True)
        assert done.stdout.strip() == receiver


def test_alertmanager_calls_the_monitor_with_the_token_that_both_read():
    """At the address where it listens; it takes the command line of the compose file, and shares the server's state."""
    asked, service = _watch(), SERVICES["monitor"]
    assert (asked.host, asked.server) == ("0.0.0.0", "http://server:8000")
    assert set(service["volumes"]) < set(SERVICES["server"]["volumes"])
    assert f":{asked.port}/live" in service["healthcheck"]["test"][-1]
    for receiver in _yaml("alertmanager/alertmanager.yaml")["receivers"]:
        (hook,) = receiver["webhook_configs"]
        assert hook["url"] == f"http://monitor:{asked.port}/alerts"
        assert hook["http_config"]["authorization"]["credentials_file"] == str(asked.token)
    assert all(asked.token.name in SERVICES[name]["secrets"] for name in ("monitor", "alertmanager"))


def _watch() -> argparse.Namespace:
    """The command line of the monitor, as it is understood."""
    return _parser().parse_args(SERVICES["monitor"]["command"])


def test_prometheus_and_alertmanager_start_with_the_same_flags(tmp_path):
    """Debian's servers take the command lines of the compose file, with folders and ports of this machine."""
    for name, flag in (("prometheus", "--web.listen-address"), ("alertmanager", "--web.listen-address")):
        program = executable(name, f"prometheus-{name}", way_out=f"apt-get install prometheus-{name}")
        folder, port = tmp_path / name, free_port()
        folder.mkdir()
        words = [
            word.replace(f"/etc/{name}", str(FOLDER / name)).replace(f"=/{name}", f"={folder}")
            for word in SERVICES[name]["command"]
        ]
        with process(
            ["-c", f"import os, sys; os.execv({program!r}, sys.argv)", *words, f"{flag}=127.0.0.1:{port}"], folder
        ):
            wait(lambda port=port: answers(f"http://127.0.0.1:{port}/-/ready"), 60)


@pytest.mark.thorough
def test_mlflow_answers_under_the_names_it_is_given(secrets, tmp_path):
    """MLflow takes the flags, reads its store's address from the file, and refuses names that were not given."""
    store = tmp_path / "mlflow_store_uri"
    from lib.store import prepare_store

    prepare_store(f"sqlite:///{tmp_path}/mlflow.db")
    store.write_text(f"sqlite:///{tmp_path}/mlflow.db")
    port = free_port()
    service = SERVICES["mlflow"]
    script = service["entrypoint"][2].replace("$$", "$").replace("/run/secrets/mlflow_store_uri", str(store))
    flags = {"--host": "127.0.0.1", "--port": str(port), "--workers": "1", "--artifacts-destination": str(tmp_path)}
    words = [
        f"{name}={flags.get(name, value)}" for name, _, value in (word.partition("=") for word in service["command"])
    ]
    start = f"import os, sys; os.execv('/bin/sh', ['sh', '-c', {script!r}, 'mlflow', *sys.argv[1:]])"
    with process(["-c", start, *words], tmp_path):
        wait(lambda: answers(f"http://127.0.0.1:{port}/health"), 60)
        address = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/search?max_results=1"
        asked = {host: requests.get(address, headers={"Host": host}, timeout=WAIT_S).status_code
                 for host in ("mlflow:5000", "evil.example.com")}  # fmt: skip
    assert asked == {"mlflow:5000": 200, "evil.example.com": 403}


def test_redis_lets_in_only_who_knows_the_password(secrets, tmp_path):
    """A real Redis takes the flags and the access list; the address in the secret opens it, no password does not."""
    import redis

    program = find_server()
    words = [
        str(secrets / "redis_acl") if word == "/run/secrets/redis_acl" else word
        for word in SERVICES["redis"]["command"]
    ]
    port = free_port()
    start = f"import os, sys; os.execv({program!r}, ['redis-server', *sys.argv[1:]])"
    address = (secrets / "mlops_redis_url").read_text().replace("@redis:6379", f"@127.0.0.1:{port}")
    with process(
        ["-c", start, *words[1:], "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path)], tmp_path
    ):
        known, stranger = redis.Redis.from_url(address), redis.Redis(port=port)
        wait(lambda: _pings(known))
        assert known.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
        known.close()
        stranger.close()


def _pings(client) -> bool:
    import redis

    try:
        return client.ping()
    except redis.ConnectionError:
        return False


def _yaml(name: str) -> dict:
    return yaml.safe_load((FOLDER / name).read_text())


def test_postgres_makes_the_database_that_the_ledger_uses(secrets):
    """The addresses, the databases and the health check name the same."""
    assert "CREATE DATABASE ledger;" in (FOLDER / "postgres/ledger.sql").read_text()
    service = SERVICES["postgres"]
    user, database = service["environment"]["POSTGRES_USER"], service["environment"]["POSTGRES_DB"]
    password = (secrets / "postgres_password").read_text().strip()
    assert (secrets / "mlflow_store_uri").read_text() == f"postgresql://{user}:{password}@postgres/{database}"
    assert (secrets / "mlops_ledger_uri").read_text() == f"postgresql://{user}:{password}@postgres/ledger"
    assert service["healthcheck"]["test"][2:] == [f"--username={user}", "--dbname=ledger"]
