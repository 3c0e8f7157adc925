"""Work in several processes: order, inheritance, errors, and an end before the end."""

import multiprocessing
import os
import signal

import numpy as np
import pytest

from synaxial.compute.parallel import for_each, use_threads, workers
from synaxial.compute.processes import Processes, in_processes
from synaxial.io.errors import BadVolumeError, SynaxialError

SAID = {"command": "sample", "remedy": "use fewer"}


def test_results_come_in_order_from_other_processes():
    array, both = np.arange(20), multiprocessing.get_context("fork").Barrier(2)

    # A function that closes over an array cannot be pickled, and need not be.
    def work(k):
        if k < 2:
            both.wait(30)
        return int(array[k]), os.getpid()

    found = list(in_processes(work, range(20), Processes(2), **SAID))
    assert [number for number, _ in found] == list(range(20))
    processes = {process for _, process in found}
    assert os.getpid() not in processes
    assert len(processes) == 2


def test_one_process_is_this_one():
    found = list(in_processes(lambda _: os.getpid(), range(5), Processes(1), **SAID))
    assert found == [os.getpid()] * 5
    assert list(in_processes(lambda _: 1, [], Processes(0), **SAID)) == []


def test_each_has_threads_of_its_own():
    """A forked process has no threads, but the memory of its parent's."""

    def work(_):
        seen = []
        for_each(seen.append, range(10))
        return workers.threads, sorted(seen)

    with use_threads(4):
        for_each(lambda _: None, range(8))
        found = list(in_processes(work, range(3), Processes(2, 2), **SAID))
        assert workers.threads == 4
    assert found == [(2, list(range(10)))] * 3


def test_a_process_that_is_killed_is_said_in_one_line():
    def work(task):
        if task == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return task

    said = "sample: a process was killed; expected enough memory for all processes; use fewer"
    with pytest.raises(SynaxialError, match=said):
        list(in_processes(work, range(8), Processes(2), **SAID))


@pytest.mark.parametrize(
    "error", [SynaxialError("k", "is 3", "2"), BadVolumeError("v", "is bad"), ValueError("no")]
)
def test_an_error_of_the_work_is_raised_as_it_is(error):
    def work(task):
        if task == 2:
            raise error
        return task

    with pytest.raises(type(error)) as raised:
        list(in_processes(work, range(8), Processes(2), **SAID))
    assert type(raised.value) is type(error)
    assert str(raised.value) == str(error)


def test_what_nobody_wants_is_not_computed(tmp_path):
    results = in_processes(
        lambda task: (tmp_path / str(task)).touch(), range(100), Processes(2), **SAID
    )
    next(results)
    results.close()
    assert len(list(tmp_path.iterdir())) <= 6
