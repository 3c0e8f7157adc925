"""Work on several cores. NumPy uses one core, but releases Python's global lock while it computes.

`for_each` calls a function for every item of a list. A thread that finishes an item takes the next
one. The order of a sum depends only on shapes, so the same input gives the same bytes on any
number of threads.

Matrix products within an item use one thread. `use_threads` limits BLAS to one thread, because
otherwise each of our threads would start as many BLAS threads.
"""

import itertools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

Item = TypeVar("Item")


@dataclass
class Workers:
    """The computing threads of this process: the main thread and `threads` - 1 others."""

    threads: int = 1
    pool: ThreadPoolExecutor | None = None


workers = Workers()
_busy = threading.local()
_memory = threading.local()


@contextmanager
def use_threads(threads: int) -> Iterator[None]:
    """Compute on this many cores within the block."""
    before = workers.threads, workers.pool
    with threadpool_limits(1, user_api="blas"):
        continue_with_threads(threads)
        pool = workers.pool
        try:
            yield
        finally:
            workers.threads, workers.pool = before
            if pool is not None:
                pool.shutdown()


def continue_with_threads(threads: int) -> None:
    """Compute on this many cores from now on, in a process forked within `use_threads`."""
    workers.threads = threads
    workers.pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None


def for_each(function: Callable[[Item], None], items: Sequence[Item]) -> None:
    """Call a function with each item, in any order, and return when all calls are done.

    The first exception of a call is raised. A nested call uses no other threads, because all
    threads might wait for a free one.
    """
    if workers.pool is None or len(items) == 1 or getattr(_busy, "working", False):
        for item in items:
            function(item)
        return
    remaining = iter(items)

    def take_items() -> None:
        _busy.working = True
        try:
            # An iterator of a list gives each item to one thread only.
            for item in remaining:
                function(item)
        finally:
            _busy.working = False

    helpers = min(workers.threads, len(items)) - 1
    futures = [workers.pool.submit(take_items) for _ in range(helpers)]
    try:
        take_items()
    finally:
        # Wait for the others, which write into arrays of the caller.
        failures = [future.exception() for future in futures]
    for failure in failures:
        if failure is not None:
            raise failure


def cut(length: int, largest: int) -> list[slice]:
    """Cut 0 to `length` into the fewest ranges of at most `largest`, which differ by 1 at most."""
    parts = max(1, -(-length // max(1, largest)))
    bounds = [length * part // parts for part in range(parts + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(bounds) if b > a]


def scratch(dtype: np.dtype, *shape: int) -> np.ndarray:
    """Return uninitialised memory of this thread, which the next call reuses."""
    size = math.prod(shape) * dtype.itemsize
    memory = getattr(_memory, "bytes", None)
    if memory is None or memory.size < size:
        memory = _memory.bytes = np.empty(size, np.uint8)
    return memory[:size].view(dtype).reshape(shape)
