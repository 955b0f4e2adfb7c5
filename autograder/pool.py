"""Where submissions run: processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import multiprocessing.util
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from autograder.errors import GraderError

Job = TypeVar("Job")
Answer = TypeVar("Answer")
OpenPool = Callable[[], contextlib.AbstractContextManager[Executor]]
_MAX_BREAKS = 3


def local_pool(workers: int, preload: Sequence[str]) -> OpenPool:
    """`workers` processes of this machine, forked from one that has imported `preload`."""

    @contextlib.contextmanager
    def opened() -> Iterator[Executor]:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["autograder.cli", "autograder.grading", *preload])
        pool = ProcessPoolExecutor(workers, context, initializer=_end_with_the_grader)
        processes: list[Any] = []
        try:
            yield pool
        except BaseException:
            processes = list((pool._processes or {}).values())  # noqa: SLF001 - Python 3.14 has terminate_workers()
            raise
        finally:
            for process in processes:
                process.terminate()
            pool.shutdown(cancel_futures=True)

    return opened


def _end_with_the_grader() -> None:
    """Ctrl-C is the grader's to handle; when it ends its workers they clean up, and when it is killed they die too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _clean_up_and_end)
    threading.Thread(target=_end_after_the_grader, daemon=True).start()


def _end_after_the_grader() -> None:
    grader = multiprocessing.parent_process()
    if grader is not None:
        multiprocessing.connection.wait([grader.sentinel])
    _clean_up_and_end()


def _clean_up_and_end(*_: object) -> None:
    multiprocessing.util._exit_function()  # type: ignore[attr-defined]  # noqa: SLF001 - what a worker does when it ends
    os._exit(143)


def dask_pool(address: str) -> OpenPool:
    """The workers of the Dask scheduler at `address`; they need this course at the same path and one thread each."""

    @contextlib.contextmanager
    def opened() -> Iterator[Executor]:
        try:
            from distributed import Client
        except ImportError:
            raise GraderError("--scheduler needs dask.distributed: pip install 'dask[distributed]'") from None
        try:
            client = Client(address, timeout=10, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise GraderError(f"no Dask scheduler answers at {address}: {error}") from error
        with client:
            yield client.get_executor(pure=False, retries=2)

    return opened


def run_all(
    opened: OpenPool, work: Callable[[Job], Answer], jobs: Sequence[Job], done: Callable[[int, Answer], None]
) -> None:
    """Run `work` on each of `jobs` and call `done(index, answer)` here as each is ready.

    When a process dies (out of memory, killed), a new pool takes what is left; GraderError when that happens often.
    """
    left = dict(enumerate(jobs))
    for _ in range(_MAX_BREAKS):
        with contextlib.suppress(BrokenProcessPool), opened() as pool:
            _run(pool, work, left, done)
        if not left:
            return
    raise GraderError(f"the processes that grade died {_MAX_BREAKS} times; {len(left)} submissions are left: try again")


def _run(
    pool: Executor, work: Callable[[Job], Answer], left: dict[int, Job], done: Callable[[int, Answer], None]
) -> None:
    futures = {pool.submit(work, job): index for index, job in left.items()}
    for future in as_completed(futures):
        index = futures[future]
        done(index, future.result())
        del left[index]
