"""Work in several processes: order, inheritance, and what is said when one is killed."""

import os
import signal

import numpy as np
import pytest

from synaxial.compute.parallel import continue_with_threads, for_each, use_threads, workers
from synaxial.compute.processes import in_processes
from synaxial.io.errors import SynaxialError


def test_results_come_in_order_from_other_processes():
    array = np.arange(20)
    # A function that closes over an array cannot be pickled, and need not be.
    found = list(in_processes(lambda k: (int(array[k]), os.getpid()), range(20), 2, "test"))
    assert [number for number, _ in found] == list(range(20))
    processes = {process for _, process in found}
    assert os.getpid() not in processes
    assert len(processes) == 2


@pytest.mark.parametrize(("tasks", "processes"), [(5, 1), (1, 4), (0, 4)])
def test_one_process_is_this_one(tasks, processes):
    found = list(in_processes(lambda _: os.getpid(), range(tasks), processes, "test"))
    assert found == [os.getpid()] * tasks


def test_each_begins_with_its_own_threads():
    """A forked process has no threads, but the memory of its parent's."""

    def work(_):
        seen = []
        for_each(seen.append, range(10))
        return workers.threads, sorted(seen)

    with use_threads(4):
        for_each(lambda _: None, range(8))
        found = list(in_processes(work, range(3), 2, "test", lambda: continue_with_threads(2)))
        assert workers.threads == 4
    assert found == [(2, list(range(10)))] * 3


def test_a_process_that_is_killed_is_said_in_one_line():
    def work(task):
        if task == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return task

    with pytest.raises(SynaxialError, match="sample: a process was killed; expected enough memory"):
        list(in_processes(work, range(8), 2, "sample"))
