"""Our Adam against Chainer's with its hook for weight decay."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import use_threads
from synaxial.gan.train import optimizers
from synaxial.gan.train.optimizers import BlockedAdam

SHAPES = {"W": (64, 33, 5, 3), "b": (7,), "large": (2, optimizers.BLOCK)}


def make_network():
    random = np.random.default_rng(0)
    network = chainer.Link()
    with network.init_scope():
        for name, shape in SHAPES.items():
            setattr(network, name, chainer.Parameter(random.standard_normal(shape, np.float32)))
    return network


def ours(network):
    return BlockedAdam(2e-4, 0.5, 0.999, 1e-3).setup(network)


def chainers(network):
    optimizer = chainer.optimizers.Adam(alpha=2e-4, beta1=0.5, beta2=0.999).setup(network)
    optimizer.add_hook(chainer.optimizer_hooks.WeightDecay(1e-3))
    return optimizer


def take_steps(network, optimizer, steps, without=()):
    for number in steps:
        random = np.random.default_rng(100 + number)
        network.cleargrads()
        for name, parameter in network.namedparams():
            gradient = random.standard_normal(parameter.shape, np.float32)
            # Of sizes from 1e-6 to 1.
            if name not in without:
                parameter.grad = np.float32(10.0 ** -(number % 7)) * gradient
        optimizer.update()


def state_of(network):
    return {
        f"{path}/{key}": value
        for path, parameter in network.namedparams()
        for key, value in (parameter.update_rule.state or {}).items()
    }


def weights_of(network):
    return {path: parameter.array for path, parameter in network.namedparams()}


def assert_same_bits(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_twenty_steps_are_chainers():
    network, reference = make_network(), make_network()
    take_steps(network, ours(network), range(20))
    take_steps(reference, chainers(reference), range(20))
    start = weights_of(make_network())
    for path, weights in weights_of(reference).items():
        found = weights_of(network)[path]
        np.testing.assert_allclose(found, weights, rtol=1e-6, atol=1e-7)
        # What matters is what was added to the weights.
        np.testing.assert_allclose(found - start[path], weights - start[path], atol=2e-6)
        assert np.abs(weights - start[path]).max() > 1e-4
    state, expected = state_of(network), state_of(reference)
    assert state.keys() == expected.keys()
    for name, array in expected.items():
        assert (state[name].shape, state[name].dtype) == (array.shape, array.dtype)
        np.testing.assert_allclose(state[name], array, rtol=2e-5, atol=1e-6 * np.abs(array).max())


def test_a_parameter_without_gradient_waits_and_then_starts_anew():
    """As if its first step were the optimizer's: its bias correction is that of its own steps."""
    network, late = make_network(), make_network()
    optimizer = ours(late)
    take_steps(late, optimizer, range(7), without=["/b"])
    np.testing.assert_array_equal(late.b.array, make_network().b.array)
    assert "/b/m" not in state_of(late)
    take_steps(late, optimizer, range(7, 9))
    take_steps(network, ours(network), range(7, 9))
    np.testing.assert_array_equal(late.b.array, network.b.array)
    assert not np.array_equal(late.W.array, network.W.array)


@pytest.mark.parametrize("without", [(), ["/b"]])
def test_a_saved_state_continues_bit_for_bit(tmp_path, without):
    network = make_network()
    optimizer = ours(network)
    take_steps(network, optimizer, range(5), without)
    for name, thing in (("network", network), ("optimizer", optimizer)):
        chainer.serializers.save_npz(tmp_path / f"{name}.npz", thing)
    take_steps(network, optimizer, range(5, 9))

    again = make_network()
    resumed = ours(again)
    for name, thing in (("network", again), ("optimizer", resumed)):
        chainer.serializers.load_npz(tmp_path / f"{name}.npz", thing)
    assert resumed.t == 5
    assert again.b.update_rule.t == 5 * ("/b" not in without)
    take_steps(again, resumed, range(5, 9))
    assert_same_bits(weights_of(again), weights_of(network))
    assert_same_bits(state_of(again), state_of(network))


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads):
    networks = make_network(), make_network()
    take_steps(networks[0], ours(networks[0]), range(3))
    with use_threads(threads):
        take_steps(networks[1], ours(networks[1]), range(3))
    assert_same_bits(weights_of(networks[1]), weights_of(networks[0]))


def test_a_gradient_that_is_not_contiguous():
    networks = make_network(), make_network()
    gradient = np.random.default_rng(1).standard_normal(SHAPES["W"], np.float32)
    for network, layout in zip(networks, (gradient, np.asfortranarray(gradient)), strict=True):
        optimizer = ours(network)
        network.cleargrads()
        network.W.grad = layout
        optimizer.update()
    np.testing.assert_array_equal(networks[0].W.array, networks[1].W.array)
    assert not np.array_equal(networks[0].W.array, make_network().W.array)
