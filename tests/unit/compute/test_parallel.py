"""Cutting work and sharing it among threads."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from synaxial.compute.parallel import cut, for_each, use_threads, workers


@given(st.integers(0, 10**6), st.integers(-3, 10**6))
def test_cut_covers_all_once_with_parts_alike_long(length, largest):
    if largest > 0 and length // largest > 5000:
        length %= 5000 * largest
    if largest <= 0:
        length %= 5000
    parts = cut(length, largest)
    assert [part.start for part in parts] == [0, *(part.stop for part in parts)][: len(parts)]
    assert (parts[-1].stop if parts else 0) == length
    sizes = [part.stop - part.start for part in parts]
    if sizes:
        assert 1 <= min(sizes) <= max(sizes) <= max(1, largest)
        assert max(sizes) - min(sizes) <= 1
    assert len(parts) == -(-length // max(1, largest))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_every_item_is_taken_once(threads, count):
    taken = []
    with use_threads(threads):
        for_each(taken.append, range(count))
    assert sorted(taken) == list(range(count))


def test_several_threads_share_the_work():
    barrier = threading.Barrier(3, timeout=30)
    with use_threads(3):
        for_each(lambda _: barrier.wait(), range(3))


@pytest.mark.parametrize("in_caller", [True, False])
def test_an_exception_comes_after_all_others_are_done(in_caller):
    barrier = threading.Barrier(3, timeout=30)
    caller = threading.current_thread()
    done = []

    def work(item):
        barrier.wait()
        if (threading.current_thread() is caller) == in_caller:
            raise ValueError("of an item")
        time.sleep(0.1)
        done.append(item)

    with use_threads(3):
        with pytest.raises(ValueError, match="of an item"):
            for_each(work, range(3))
        assert len(done) == (2 if in_caller else 1)
        # And the threads still work.
        for_each(done.append, range(10))
    assert len(done) == (12 if in_caller else 11)


def test_blas_and_threads_are_as_before_afterwards():
    before = [info["num_threads"] for info in threadpool_info()]
    with use_threads(2):
        assert workers.threads == 2
        blas = [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]
        assert set(blas) == {1}
        with pytest.raises(RuntimeError), use_threads(3):
            raise RuntimeError
        assert workers.threads == 2
        for_each(lambda _: None, range(5))
    assert (workers.threads, workers.pool) == (1, None)
    assert [info["num_threads"] for info in threadpool_info()] == before
