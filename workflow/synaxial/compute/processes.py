"""Work in several processes of one machine, which Python's global lock does not hold up."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NamedTuple, TypeVar

from synaxial.compute.parallel import continue_with_threads
from synaxial.compute.parent import end_with_parent
from synaxial.io.errors import SynaxialError

Task = TypeVar("Task")
Result = TypeVar("Result")


class Processes(NamedTuple):
    """How many processes do some work, and the threads of each."""

    number: int
    threads: int = 1


#: What this process does with each task. It is inherited, so it need not be picklable.
_work: Callable[[Any], Any]


def in_processes(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    processes: Processes,
    command: str,
    remedy: str,
) -> Iterator[Result]:
    """Yield what the work returns of each task, in their order.

    Parameters
    ----------
    work
        What to do. Its results and exceptions must be picklable.
    tasks
        Picklable.
    processes
        With one, this process does the work, with the threads that it has.
    command, remedy
        Of the error: the name of the command, and what to do if memory is short.

    Raises
    ------
    SynaxialError
        A process was killed, mostly for its memory.
    """
    if processes.number <= 1:
        yield from map(work, tasks)
        return
    # Forked processes need not import anything again. Threads of `use_threads` may wait meanwhile:
    # they hold no lock, and the forked processes have threads of their own.
    fork = multiprocessing.get_context("fork")
    given = (os.getpid(), processes.threads, work)
    waiting: deque[Future[Result]] = deque()
    with ProcessPoolExecutor(processes.number, fork, _begin, given) as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(_do, task))
                # So results that nobody has taken yet do not fill the memory.
                if len(waiting) > 2 * processes.number:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            needed = "enough memory for all processes"
            raise SynaxialError(command, "a process was killed", needed, remedy) from error
        finally:
            # If nobody wants the rest, it is not computed.
            for future in waiting:
                future.cancel()


def _begin(parent: int, threads: int, work: Callable[[Any], Any]) -> None:
    """Prepare a process of the pool, which ends when its parent ends.

    Otherwise it would go on while the command runs again.
    """
    global _work  # noqa: PLW0603 -- the only way into a pool's process but by pickling
    end_with_parent()
    # The parent may have ended before.
    if os.getppid() != parent:
        os._exit(1)
    continue_with_threads(threads)
    _work = work


def _do(task: Any) -> Any:
    return _work(task)
