"""The losses of both networks, and the penalties that bound the slope of the discriminator.

To add a loss, write its two functions, enter them in `LOSSES`, and add the name to `Training.loss`
in the configuration.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from synaxial.compute.chainer_compatibility import chainer

F = chainer.functions

#: Added under the square root, whose derivative at 0 is infinite.
EPSILON = 1e-12


@dataclass(frozen=True)
class Loss:
    """A pair of losses, each a scalar Variable.

    `discriminator` takes the scores of real and of generated images, each (N,); `generator` takes
    those of generated images.
    """

    discriminator: Callable[[Any, Any], Any]
    generator: Callable[[Any], Any]


def wasserstein_discriminator(real: Any, generated: Any) -> Any:
    """mean(D(generated)) - mean(D(real)), unconstrained, as the paper has it."""
    return F.mean(generated) - F.mean(real)


def wasserstein_generator(generated: Any) -> Any:
    """-mean(D(generated)) (the paper)."""
    return -F.mean(generated)


def mse_discriminator(real: Any, generated: Any) -> Any:
    """mean((D(real) - 1)^2) + mean(D(generated)^2) (the paper's comparison; Mao et al., 2017)."""
    return F.mean((real - 1) ** 2) + F.mean(generated**2)


def mse_generator(generated: Any) -> Any:
    """mean((D(generated) - 1)^2)."""
    return F.mean((generated - 1) ** 2)


def hinge_discriminator(real: Any, generated: Any) -> Any:
    """mean(max(0, 1 - D(real))) + mean(max(0, 1 + D(generated))) (Lim and Ye, 2017)."""
    return F.mean(F.relu(1 - real)) + F.mean(F.relu(1 + generated))


def non_saturating_discriminator(real: Any, generated: Any) -> Any:
    """mean(-log s(D(real))) + mean(-log(1 - s(D(generated)))), s the logistic function.

    Goodfellow et al., 2014; with softplus as in ChainerMN's DCGAN example.
    """
    return F.mean(F.softplus(-real)) + F.mean(F.softplus(generated))


def non_saturating_generator(generated: Any) -> Any:
    """mean(-log s(D(generated))), s the logistic function (Goodfellow et al., 2014)."""
    return F.mean(F.softplus(-generated))


#: By the names of the configuration.
LOSSES = {
    "wasserstein": Loss(wasserstein_discriminator, wasserstein_generator),
    "mse": Loss(mse_discriminator, mse_generator),
    "hinge": Loss(hinge_discriminator, wasserstein_generator),
    "non_saturating": Loss(non_saturating_discriminator, non_saturating_generator),
}


def squared_slopes(score: Any, images: Any) -> Any:
    """Return the squared norm of each score's gradient with respect to its image.

    The penalties differentiate the result again, with respect to the weights. A score must not
    depend on other images, except through the minibatch's deviation. `score`, (N,), was computed
    from `images`, (N, C, H, W); both are Variables, as is the result, (N,).
    """
    (slope,) = chainer.grad([F.sum(score)], [images], enable_double_backprop=True)
    return F.sum(slope**2, axis=(1, 2, 3))


def gradient_penalty(score: Callable[[Any], Any], real: Any, generated: Any, shares: Any) -> Any:
    """Return mean((|gradient| - 1)^2) at mixtures of real and generated images.

    WGAN-GP's penalty (Gulrajani et al., 2017, equation 3) without its weight. `score` is the
    discriminator, `real` and `generated` are arrays (N, C, H, W), and `shares`, (N, 1, 1, 1) in
    [0, 1], those of the real image in each mixture.
    """
    between = chainer.Variable(shares * real + (1 - shares) * generated)
    slopes = F.sqrt(squared_slopes(score(between), between) + EPSILON)
    return F.mean((slopes - 1) ** 2)


def real_penalty(score: Any, real: Any) -> Any:
    """Return mean(|gradient|^2) / 2 at real images: R1 (Mescheder et al., 2018).

    `score`, (N,), are the scores of `real`, (N, C, H, W); both are Variables.
    """
    return F.mean(squared_slopes(score, real)) / 2


def clip_weights(network: Any, bound: float) -> None:
    """Clip all parameters to [-bound, bound] in place (Arjovsky et al., 2017)."""
    for parameter in network.params():
        array = parameter.array
        array.clip(-bound, bound, out=array)
