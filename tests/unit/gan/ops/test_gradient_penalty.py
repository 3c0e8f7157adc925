"""A penalty on a critic's gradient, as of Gulrajani et al., 2017, against Chainer's functions."""

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.networks.layers import Convolution, hidden

from .comparison import assert_close

F = chainer.functions
L = chainer.links


class Critic(chainer.Chain):
    def __init__(self, convolution, activate):
        super().__init__()
        self.activate = activate
        with self.init_scope():
            self.first = convolution(3, 8, ksize=4, stride=2, pad=1)
            self.second = convolution(8, 12, ksize=3, stride=1, pad=1)
            self.third = convolution(12, 6, ksize=4, stride=2, pad=1)
            self.connected = L.Linear(6 * 3 * 4, 1)

    def forward(self, x):
        for layer in (self.first, self.second, self.third):
            x = self.activate(layer(x))
        return self.connected(x)


def weight_gradients(critic, images):
    x = chainer.Variable(images)
    (slope,) = chainer.grad([critic(x)], [x], enable_double_backprop=True)
    lengths = F.sqrt(F.sum(slope**2, axis=(1, 2, 3)))
    critic.cleargrads()
    penalty = F.mean((lengths - 1) ** 2)
    penalty.backward()
    gradients = {name: p.grad for name, p in critic.namedparams() if p.grad is not None}
    return penalty.array, gradients


def test_the_weights_gradient_of_a_penalty_is_chainers(two_threads):
    ours = Critic(Convolution, lambda h: hidden(h, None, "leaky_relu", 0.2))
    theirs = Critic(L.Convolution2D, lambda h: F.leaky_relu(h, 0.2))
    theirs.copyparams(ours)
    images = np.random.default_rng(0).standard_normal((5, 3, 12, 16), np.float32)
    penalty, found = weight_gradients(ours, images)
    reference, expected = weight_gradients(theirs, images)
    assert_close(penalty, reference)
    assert {"/first/W", "/second/W", "/third/W", "/connected/W"} <= expected.keys()
    for name, gradient in expected.items():
        if name in found:
            assert_close(found[name], gradient)
        else:
            # Without influence on the slope: left out here, zeros there.
            assert not gradient.any()
