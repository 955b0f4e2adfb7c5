"""A batch run by the clock: cron's line, and a CronJob that Kubernetes takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sklearn.linear_model import Ridge

from lib.cli import main
from lib.errors import BatchError
from lib.serving.batch import published
from lib.serving.batch_schedule import batch_command, checked, cron_job, cron_line
from tests.lib.registered import a_run, champion, houses, settings_in

COMMAND = batch_command("houses.parquet", "scores", model="houses", key="id")


def test_cron_job_is_valid(tmp_path):
    """The manifest passes Kubernetes' own schemas, unknown fields refused, after a trip through YAML."""
    job = cron_job("nightly-scores", "15 3 * * *", image="mlops:1.0", command=COMMAND, claim="warehouse")
    file = tmp_path / "job.yaml"
    file.write_text(yaml.safe_dump(job))
    validate = Path(sys.executable).with_name("kubernetes-validate")
    done = subprocess.run([validate, "--strict", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    job["spec"]["schedul"] = "15 3 * * *"
    file.write_text(yaml.safe_dump(job))
    assert subprocess.run([validate, "--strict", file], capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("schedule", ["* * *", "60 3 * * *", "15 24 * * *", "a b c d e", "15 3 * * 8", "1;rm 3 * * *"])
def test_wrong_schedule_is_an_error(schedule):
    """What cron would not understand is refused here, by its field."""
    with pytest.raises(BatchError, match=r"fields|is no (minute|hour|weekday)"):
        checked(schedule)


def test_cron_line_survives_its_shell(tmp_path):
    """The part that cron hands to the shell runs in its folder, with odd names, and logs what is said."""
    line = cron_line("0 * * * *", ["echo", "it's 100 %"], folder=str(tmp_path), log="a log")
    run = line.removeprefix("0 * * * * ").replace(r"\%", "%")  # as cron reads it
    subprocess.run(["sh", "-c", run], check=True)
    assert (tmp_path / "a log").read_text() == "it's 100 %\n"
    with pytest.raises(BatchError, match="no name for a CronJob"):
        cron_job("Nightly!", "0 * * * *", image="x", command=["x"], claim="x")


def test_command_publishes_or_says_why_not(tmp_path, capsys, monkeypatch):
    """Status 0 and a line about the result, or status 1 and the reason."""
    settings = settings_in(tmp_path)
    champion("houses", a_run(settings, Ridge()), settings)
    houses(100).to_parquet(tmp_path / "houses.parquet")
    monkeypatch.setenv("MLOPS_ROOT", str(tmp_path))
    given = ["batch", str(tmp_path / "houses.parquet"), str(tmp_path / "scores"), *COMMAND[6:]]
    assert main(given) == 0
    assert "version 1 of houses scored 100 of 100 rows, 0 rejected" in capsys.readouterr().out
    assert published(tmp_path / "scores").scored == 100
    assert main(["batch", str(tmp_path / "nothing.parquet"), *given[2:]]) == 1
    assert "holds no table" in capsys.readouterr().err
