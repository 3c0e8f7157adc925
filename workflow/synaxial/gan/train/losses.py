"""What the two networks minimise, as functions of the discriminator's scores."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from synaxial.compute.chainer_compatibility import chainer

F = chainer.functions


@dataclass(frozen=True)
class Loss:
    """A pair of losses.

    Attributes
    ----------
    discriminator
        From the scores of real and of generated images, each (N,), to a scalar.
    generator
        From the scores of generated images to a scalar.
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
