"""Where submissions run: processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

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
        pool = ProcessPoolExecutor(workers, context)
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)

    return opened


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
