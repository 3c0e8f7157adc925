"""What holds the discriminator's slope down: terms of its loss, and the bound on its weights.

Both penalties are of each image's score, summed up, by that image; a score may depend on the others
only by the deviation of a minibatch. They are differentiated a second time, by the weights.
"""

from collections.abc import Callable
from typing import Any

from synaxial.compute.chainer_compatibility import chainer

F = chainer.functions

#: Added under the square root, whose slope at 0 is infinite.
EPSILON = 1e-12


def squared_slopes(score: Any, images: Any) -> Any:
    """Return each image's squared norm of its score's gradient, as a Variable of shape (N,).

    Parameters
    ----------
    score
        Variable of shape (N,), computed from `images`.
    images
        Variable of shape (N, C, H, W).
    """
    (slope,) = chainer.grad([F.sum(score)], [images], enable_double_backprop=True)
    return F.sum(slope**2, axis=(1, 2, 3))


def gradient_penalty(score: Callable[[Any], Any], real: Any, generated: Any, shares: Any) -> Any:
    """Return mean((|gradient| - 1)^2) between real and generated images, a scalar.

    WGAN-GP's penalty (Gulrajani et al., 2017, equation 3) without its weight.

    Parameters
    ----------
    score
        The discriminator, from images to scores.
    real, generated
        Arrays of shape (N, C, H, W).
    shares
        The share of the real image in each mixture, in [0, 1], of shape (N, 1, 1, 1).
    """
    between = chainer.Variable(shares * real + (1 - shares) * generated)
    slopes = F.sqrt(squared_slopes(score(between), between) + EPSILON)
    return F.mean((slopes - 1) ** 2)


def real_penalty(score: Any, real: Any) -> Any:
    """Return mean(|gradient|^2) / 2 at real images, a scalar: R1 (Mescheder et al., 2018).

    Parameters
    ----------
    score
        Variable of shape (N,), the scores of `real`.
    real
        Variable of shape (N, C, H, W).
    """
    return F.mean(squared_slopes(score, real)) / 2


def clip_weights(network: Any, bound: float) -> None:
    """Hold all parameters within -bound and bound (Arjovsky et al., 2017), in place."""
    for parameter in network.params():
        array = parameter.array
        array.clip(-bound, bound, out=array)
