"""A batch run at fixed times: a line for cron on one machine, a CronJob where Kubernetes runs the containers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

from lib.errors import BatchError
from lib.serving.kubernetes import container_security, pod_security

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?")  # a CronJob's name may have 52 characters
_FIELD = r"(\*|[0-9]+(-[0-9]+)?)(/[0-9]+)?"
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))


def batch_command(source: str, destination: str, *, model: str, key: str, options: Sequence[str] = ()) -> list[str]:
    """The command that runs `score_table` once; it ends with status 1, and the reason, when nothing was published."""
    return ["python", "-m", "lib", "batch", source, destination, "--model", model, "--key", key, *options]


def cron_line(schedule: str, command: Sequence[str], *, folder: str, log: str = "batch.log") -> str:
    """A line for `crontab -e` that runs `command` in `folder` and appends what it says to `log`.

    `schedule` has cron's five fields, in the machine's own time zone. Two runs never overlap: the second is refused.

    >>> cron_line("15 3 * * *", ["python", "-m", "lib", "batch", "a b.parquet"], folder="/srv/mlops")
    "15 3 * * * cd /srv/mlops && python -m lib batch 'a b.parquet' >> batch.log 2>&1"
    """
    # cron reads an unescaped % as the end of the command.
    run = f"cd {shlex.quote(folder)} && {shlex.join(command)} >> {shlex.quote(log)} 2>&1".replace("%", r"\%")
    return f"{checked(schedule)} {run}"


def cron_job(
    name: str,
    schedule: str,
    *,
    image: str,
    command: Sequence[str],
    claim: str,
    time_zone: str = "Etc/UTC",
    deadline_s: int = 6 * 3_600,
    retries: int = 3,
    memory: str = "2Gi",
    cpu: str = "1",
) -> dict[str, Any]:
    """A `batch/v1` CronJob as a dict, ready for `yaml.safe_dump`: non-root, read-only but for `/data` and `/tmp`.

    `claim` names the PersistentVolumeClaim that is mounted on `/data`: the table, the registry and the destination lie
    there. A failed run is tried again `retries` times, and goes on where it stopped; a run that is still going when the
    next is due is left alone. `deadline_s` ends one that hangs.
    """
    if not _NAME.fullmatch(name):
        raise BatchError(f"{name!r} is no name for a CronJob. Use up to 52 of a-z, 0-9 and '-'.")
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/component": "batch"}
    container = {
        "name": "score",
        "image": image,
        "command": list(command),
        "workingDir": "/data",
        "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
        "securityContext": container_security(),
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": pod_security(),
        "containers": [container],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": claim}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    job = {
        "backoffLimit": retries,
        "activeDeadlineSeconds": deadline_s,
        "ttlSecondsAfterFinished": 7 * 86_400,
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "schedule": checked(schedule),
            "timeZone": time_zone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3_600,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 5,
            "jobTemplate": {"metadata": {"labels": labels}, "spec": job},
        },
    }


def checked(schedule: str) -> str:
    """`schedule` with single spaces; raises BatchError unless it has five fields of numbers within their ranges.

    >>> checked("*/15  0-6 * * 1,5")
    '*/15 0-6 * * 1,5'
    """
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        raise BatchError(f"{schedule!r} has {len(fields)} fields. Cron wants minute, hour, day, month, weekday.")
    for text, (name, low, high) in zip(fields, _FIELDS, strict=True):
        for part in text.split(","):
            given = [int(number) for number in re.findall(r"[0-9]+", part.partition("/")[0])]
            if not re.fullmatch(_FIELD, part) or any(not low <= number <= high for number in given):
                raise BatchError(f"{text!r} is no {name} of a schedule. Give *, {low} to {high}, a-b, a,b or */n.")
    return " ".join(fields)
