"""The hidden layer against the same of Chainer's functions, and the link against Chainer's."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.networks.layers import BatchNormalization
from synaxial.gan.ops.hidden import PIECE, Dropped, HiddenLayer, Statistics

from .comparison import assert_close, assert_same_function

pytestmark = pytest.mark.usefixtures("two_threads")

ACTIVATIONS = [None, "relu", "leaky_relu", "elu", "tanh", "sigmoid"]
#: (N, C) and (N, C, H, W); values of a channel that no 8 divides; several blocks a row.
SHAPES = [(8, 33), (1, 5), (4, 6, 5, 7), (3, 70, 31, 33), (2, 3, 256, 256), (1, 2, 271, 257)]


def make_layer(shape, activation, normalisation, ratio, dtype=np.float32):
    """Return a layer and its inputs."""
    random = np.random.default_rng(5)
    channels, values = shape[1], int(np.prod(shape)) // shape[1]
    dropped = None
    if ratio > 0:
        dropped = Dropped(np.packbits(random.random((channels, values)) >= ratio, axis=1), ratio)
    fixed = None
    if normalisation == "fixed":
        mean, variance = random.standard_normal(channels), random.random(channels) + 0.5
        fixed = Statistics(mean.astype(dtype), variance.astype(dtype))
    normalised = normalisation != "none"
    layer = HiddenLayer(activation, 0.2, normalised, fixed, 2e-5, dropped)
    inputs = [random.standard_normal(shape) * 2 + 1]
    if normalised:
        inputs += [random.standard_normal(channels), random.standard_normal(channels)]
    return layer, [array.astype(dtype) for array in inputs]


def normal(shape):
    return np.random.default_rng(6).standard_normal(shape, dtype=np.float32)


def test_the_shapes_reach_several_blocks_a_row():
    assert np.prod(SHAPES[-2]) / SHAPES[-2][1] > PIECE
    assert np.prod(SHAPES[-1]) / SHAPES[-1][1] > PIECE


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("normalisation", ["batch", "fixed", "none"])
def test_result_and_gradients_are_chainers(shape, activation, normalisation):
    for ratio in (0, 0.5, 0.3):
        layer, inputs = make_layer(shape, activation, normalisation, ratio)
        assert_same_function(
            lambda *v, layer=layer: layer.apply(v)[0], layer.composed, inputs, normal, 2e-5
        )


def test_dropout_of_some_values_by_hand():
    kept = np.packbits(np.array([[1, 0, 1, 1, 0, 1, 0, 0, 1], [0, 1, 1, 0, 0, 0, 1, 1, 0]]), axis=1)
    x = np.arange(1, 19, dtype=np.float32).reshape(9, 2)
    y = HiddenLayer(None, 0.2, False, None, 0, Dropped(kept, 0.75)).apply((x,))[0].array
    np.testing.assert_array_equal(y[:, 0], [4, 0, 20, 28, 0, 44, 0, 0, 68])
    np.testing.assert_array_equal(y[:, 1], [0, 16, 24, 0, 0, 0, 56, 64, 0])


@pytest.mark.parametrize("normalisation", ["batch", "none"])
def test_inputs_that_are_not_contiguous(normalisation):
    layer, (x, *scaling) = make_layer((3, 4, 5, 6), "leaky_relu", normalisation, 0.3)
    view = np.repeat(x, 2, axis=3)[..., ::2]
    assert not view.flags.c_contiguous
    assert_same_function(
        lambda *v: layer.apply(v)[0],
        layer.composed,
        [view, *scaling],
        lambda shape: np.broadcast_to(np.float32(0.5), shape),
    )


def test_a_mean_far_from_zero_costs_no_digits():
    x = (np.random.default_rng(0).standard_normal((4, 2, 100, 100)) + 1000).astype(np.float32)
    layer = HiddenLayer(None, 0, True, None, 0, None)
    y = layer.apply((x, np.ones(2, np.float32), np.zeros(2, np.float32)))[0].array
    exact = x.astype(np.float64)
    exact -= exact.mean(axis=(0, 2, 3), keepdims=True)
    exact /= exact.std(axis=(0, 2, 3), keepdims=True)
    np.testing.assert_allclose(y, exact, atol=5e-4)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_nan_and_infinity_are_not_hidden(activation):
    x = np.array([[np.nan, 1, -1]], np.float32)
    y = HiddenLayer(activation, 0.2, False, None, 0, None).apply((x,))[0].array
    assert np.isnan(y[0]).tolist() == [True, False, False]


def test_the_links_running_statistics_are_chainers():
    ours, theirs = BatchNormalization(5), chainer.links.BatchNormalization(5)
    random = np.random.default_rng(0)
    for shape in [(4, 5, 3, 7), (8, 5, 6, 6), (1, 5, 2, 2), (3, 5, 9, 1)]:
        x = (random.standard_normal(shape) * 3 + 2).astype(np.float32)
        assert_close(ours(x, None, 0.2, None).array, theirs(x).array)
        assert_close(ours.avg_mean, theirs.avg_mean)
        assert_close(ours.avg_var, theirs.avg_var)
        before = ours.avg_mean.copy(), ours.avg_var.copy()
        with chainer.using_config("train", False):
            assert_close(ours(x, None, 0.2, None).array, theirs(x).array)
        np.testing.assert_array_equal(ours.avg_mean, before[0])
        np.testing.assert_array_equal(ours.avg_var, before[1])


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_the_edges_of_an_activation_are_chainers(activation):
    x = np.array([[0.0, -0.0, -np.inf, np.inf, np.nan, 1.0]], np.float32).T
    layer = HiddenLayer(activation, 0.2, False, None, 0.0, None)
    ours, theirs = chainer.Variable(x), chainer.Variable(x.copy())
    (y,) = layer.apply((ours,))
    expected = layer.composed(theirs)
    np.testing.assert_array_equal(y.array, expected.array)
    for result in (y, expected):
        result.grad = np.ones_like(x)
        result.backward()
    known = ~np.isnan(x)
    np.testing.assert_array_equal(ours.grad[known], theirs.grad[known])


@pytest.mark.mpi
@pytest.mark.parametrize("activation", ["leaky_relu", "tanh"])
def test_a_batch_of_several_ranks_is_normalised_as_that_of_one(tmp_path, activation):
    """Result, gradients, second gradients and running statistics, with a real MPI."""
    found = {}
    for ranks in (1, 2, 4):
        output = tmp_path / f"{ranks}.npz"
        launcher = [Path(sys.executable).with_name("mpiexec"), "-n", str(ranks)]
        program = Path(__file__).with_name("layer_of_ranks.py")
        command = [*(launcher if ranks > 1 else []), sys.executable, program, activation, output]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        with np.load(output) as file:
            found[ranks] = {name: file[name] for name in file.files}
    for ranks in (2, 4):
        for name, expected in found[1].items():
            assert_close(found[ranks][name], expected, 1e-12)
    for name in ("y", "x", "gamma", "beta", "second/x", "second/gamma"):
        assert_close(found[1][f"compiled/{name}"], found[1][f"composed/{name}"], 1e-12)
        assert np.abs(found[1][f"compiled/{name}"]).max() > 0.1
