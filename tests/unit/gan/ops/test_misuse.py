"""What a convolution refuses, and what must not hang."""

import numpy as np
import pytest

from synaxial.compute.parallel import for_each, use_threads
from synaxial.gan.ops.convolution import convolution, transposed_convolution


def ones(*shape):
    return np.ones(shape, np.float32)


@pytest.mark.parametrize(
    ("x", "W", "b", "words"),
    [
        ((2, 5, 4, 4), (6, 3, 4, 4), None, "5 channels for weights of 3"),
        ((2, 2, 4, 4), (6, 3, 4, 4), None, "2 channels for weights of 3"),
        ((2, 3, 4, 4), (6, 3, 4, 4), (1,), "a bias of the shape"),
        ((2, 3, 1, 1), (6, 3, 4, 4), None, "no place"),
        ((0, 3, 4, 4), (6, 3, 4, 4), None, "no values"),
    ],
)
def test_a_convolution_refuses_shapes_that_do_not_fit(x, W, b, words):
    with pytest.raises(ValueError, match=words):
        convolution(ones(*x), ones(*W), None if b is None else ones(*b), 2, 1)


def test_a_transposed_convolution_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="5 channels for weights of 6"):
        transposed_convolution(ones(2, 5, 4, 4), ones(6, 3, 4, 4), None, 2, 1)
    with pytest.raises(ValueError, match="a bias of the shape"):
        transposed_convolution(ones(2, 6, 4, 4), ones(6, 3, 4, 4), ones(6), 2, 1)


def test_calls_within_calls_end():
    done = []
    with use_threads(2):
        for_each(lambda i: for_each(lambda j: done.append((i, j)), range(4)), range(4))
    assert sorted(done) == [(i, j) for i in range(4) for j in range(4)]
