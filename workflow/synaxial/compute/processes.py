"""Work in several processes of one machine, which Python's global lock does not hold up."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from synaxial.compute.parent import end_with_parent
from synaxial.io.errors import SynaxialError

Task = TypeVar("Task")
Result = TypeVar("Result")

#: What this process does with each task. It is inherited, so it need not be picklable.
_work: Callable[[Any], Any]


def in_processes(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    processes: int,
    command: str,
    begin: Callable[[], object] | None = None,
) -> Iterator[Result]:
    """Yield what the work returns of each task, in their order.

    Parameters
    ----------
    work
        What to do. Its results must be picklable.
    tasks
        Picklable.
    processes
        How many; with one or one task, this process does the work.
    command
        The name of the command, for the error.
    begin
        Called at first in each process, unless there is only this one.

    Raises
    ------
    SynaxialError
        A process was killed, mostly for its memory.
    """
    processes = min(processes, len(tasks))
    if processes <= 1:
        yield from map(work, tasks)
        return
    # Forked processes need not import anything again. No other thread runs in this one.
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, fork, _begin, (os.getpid(), work, begin)) as pool:
        try:
            yield from pool.map(_do, tasks)
        except BrokenProcessPool as error:
            raise SynaxialError(
                command,
                "a process was killed",
                "enough memory for all processes",
                f"set more mem_mb or fewer threads for the rule {command}, and run it again",
            ) from error


def _begin(
    parent: int, work: Callable[[Any], Any], begin: Callable[[], object] | None = None
) -> None:
    """Prepare a process of the pool, which ends when its parent ends.

    Otherwise it would go on while the command runs again.
    """
    global _work  # noqa: PLW0603 -- the only way into a pool's process but by pickling
    end_with_parent()
    # The parent may have ended before.
    if os.getppid() != parent:
        os._exit(1)
    _work = work
    if begin is not None:
        begin()


def _do(task: Any) -> Any:
    return _work(task)
