"""Whether the process behind a run still lives; a run whose process is gone is marked FAILED, never left "running"."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

FAILURE = "failure"
_PID, _HOST, _STARTED = "process.pid", "process.host", "process.started"
# Start times are read from a clock that may be set; a reused process id is hours apart, not seconds.
_CLOCK_TOLERANCE_S = 60.0


def process_tags() -> dict[str, str]:
    """Who is recording: process id, host (with its process namespace: ids mean nothing outside it), start time in s."""
    return {_PID: str(os.getpid()), _HOST: _host(), _STARTED: repr(psutil.Process().create_time())}


def mark_abandoned(client: MlflowClient, experiment: str) -> list[str]:
    """Mark as FAILED the runs of `experiment` (its id) that our dead processes left RUNNING; returns their ids.

    Runs of living processes, of other hosts, and runs that `track` did not make are left alone.
    """
    running = client.search_runs([experiment], filter_string="attributes.status = 'RUNNING'", max_results=1000)
    abandoned = [run for run in running if _is_dead(run)]
    for run in abandoned:
        run_id = run.info.run_id
        client.set_tag(
            run_id, FAILURE, f"process {run.data.tags[_PID]} ended without closing the run (killed, or out of memory)"
        )
        for output in run.outputs.model_outputs if run.outputs else ():
            if str(client.get_logged_model(output.model_id).status) == "PENDING":
                client.finalize_logged_model(output.model_id, "FAILED")
        client.set_terminated(run_id, status="FAILED")
    return [run.info.run_id for run in abandoned]


def _is_dead(run: Run) -> bool:
    tags = run.data.tags
    if not {_PID, _HOST, _STARTED} <= tags.keys() or tags[_HOST] != _host():
        return False
    try:
        process = psutil.Process(int(tags[_PID]))
        same = abs(process.create_time() - float(tags[_STARTED])) < _CLOCK_TOLERANCE_S
        return not same or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def _host() -> str:
    namespace = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()} {namespace.readlink()}" if namespace.exists() else socket.gethostname()
