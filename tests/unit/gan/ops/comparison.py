"""Comparison of results and gradients with those of another implementation."""

import numpy as np

from synaxial.compute.chainer_compatibility import chainer


def assert_close(actual, expected, tolerance=1e-5):
    """Check arrays to a tolerance relative to the largest expected value."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    largest = np.abs(expected).max(initial=0)
    difference = np.abs(actual - expected).max(initial=0)
    assert difference <= tolerance * max(largest, 1e-6), (difference, largest)


def result_and_gradients(function, arrays, gradient):
    """Apply a function to arrays and return its result and the gradients of all arrays.

    `gradient` is that of the result, or makes one from the result's shape.
    """
    variables = [chainer.Variable(array) for array in arrays]
    y = function(*variables)
    y.grad = gradient(y.shape) if callable(gradient) else gradient
    y.backward()
    return [y.array, *(v.grad for v in variables)]


def assert_same_function(ours, theirs, arrays, gradient, tolerance=1e-5):
    """Check that two functions have the same result and gradients."""
    actual = result_and_gradients(ours, arrays, gradient)
    expected = result_and_gradients(theirs, arrays, gradient)
    for a, b in zip(actual, expected, strict=True):
        assert_close(a, b, tolerance)
