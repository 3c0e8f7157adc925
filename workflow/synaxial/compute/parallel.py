"""Work on several cores: NumPy uses one, but lets go of Python's lock while it computes.

A function here is called for every item of a list, by a few threads that take the next item when
they are done with one. Who computes an item never shows in the result: what an item covers is
decided by shapes alone, so that the same input gives the same bytes on any number of threads.

The products of matrices within the items are single-threaded: `use_threads` limits BLAS to one
thread, or each of our threads would start as many again.
"""

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")


class Workers:
    """The threads of this process that compute; beside the main thread there are `threads` - 1."""

    def __init__(self) -> None:
        self.threads = 1
        self.pool: ThreadPoolExecutor | None = None


workers = Workers()
_busy = threading.local()


@contextmanager
def use_threads(threads: int) -> Iterator[None]:
    """Compute on this many cores within the block."""
    before = workers.threads, workers.pool
    with threadpool_limits(1, user_api="blas"):
        pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None
        workers.threads, workers.pool = threads, pool
        try:
            yield
        finally:
            workers.threads, workers.pool = before
            if pool is not None:
                pool.shutdown()


def for_each(function: Callable[[Item], None], items: Sequence[Item]) -> None:
    """Call a function with each item, in no certain order, and return when all are done.

    Within such a call another one uses no further threads: all might wait for a free one.

    Raises
    ------
    Exception
        The first one that a call raised.
    """
    if workers.pool is None or len(items) == 1 or getattr(_busy, "working", False):
        for item in items:
            function(item)
        return
    remaining = iter(items)

    def take_items() -> None:
        _busy.working = True
        try:
            # A list's iterator gives each item to one thread only.
            for item in remaining:
                function(item)
        finally:
            _busy.working = False

    helpers = min(workers.threads, len(items)) - 1
    futures = [workers.pool.submit(take_items) for _ in range(helpers)]
    try:
        take_items()
    finally:
        # Not before the others are done: they write into arrays of the caller.
        failures = [future.exception() for future in futures]
    for failure in failures:
        if failure is not None:
            raise failure


def cut(length: int, largest: int) -> list[slice]:
    """Cut 0 … length into as few ranges as have at most `largest` (at least 1) each, alike long."""
    parts = max(1, -(-length // max(1, largest)))
    bounds = [length * part // parts for part in range(parts + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(bounds) if b > a]
