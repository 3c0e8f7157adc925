"""What a convolution refuses, and what must not hang."""

import numpy as np
import pytest

from synaxial.compute.parallel import for_each, use_threads
from synaxial.gan.ops.convolution import convolution, transposed_convolution


def ones(*shape):
    return np.ones(shape, np.float32)


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (convolution, (2, 5, 4, 4)),
        (convolution, (2, 2, 4, 4)),
        (transposed_convolution, (2, 5, 4, 4)),
    ],
)
def test_a_convolution_refuses_shapes_that_do_not_fit(function, x):
    with pytest.raises(ValueError, match="mismatch"):
        function(ones(*x), ones(6, 3, 4, 4), None, 2, 1)


def test_calls_within_calls_end():
    done = []
    with use_threads(2):
        for_each(lambda i: for_each(lambda j: done.append((i, j)), range(4)), range(4))
    assert sorted(done) == [(i, j) for i in range(4) for j in range(4)]
