"""The parts that both networks are made of."""

from collections.abc import Callable
from typing import Any

import numpy as np

from synaxial.chainer_compatibility import chainer
from synaxial.networks.randomness import Randomness

F = chainer.functions

#: What the configuration calls them.
ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "relu": F.relu,
    "elu": F.elu,
    "tanh": F.tanh,
    "sigmoid": F.sigmoid,
}


def activate(x: Any, name: str, slope: float) -> Any:
    """Apply the activation of this name; `slope` is Leaky ReLU's for negative values."""
    if name == "leaky_relu":
        return F.leaky_relu(x, slope=slope)
    return ACTIVATIONS[name](x)


def drop(x: Any, ratio: float, randomness: Randomness | None) -> Any:
    """Set a share `ratio` of the values to 0 and scale the rest by 1 / (1 - ratio).

    Dropout as in Srivastava et al., 2014, with the mask from `randomness`; without it, or with
    a ratio of 0, `x` is returned as it is.
    """
    if randomness is None or ratio == 0:
        return x
    kept = randomness.uniform(x.shape) >= ratio
    return x * (kept * x.dtype.type(1 / (1 - ratio)))


def add_noise(x: Any, deviation: float, randomness: Randomness | None) -> Any:
    """Add Gaussian noise of this standard deviation; without `randomness` return `x`."""
    if randomness is None or deviation == 0:
        return x
    return x + randomness.normal(x.shape) * x.dtype.type(deviation)


def running_values(network: Any) -> list[tuple[str, Any]]:
    """Return the float arrays that a network keeps beside its parameters, by path, in order.

    They are the running statistics of batch normalisation and the vectors of spectral
    normalisation.
    """
    arrays = [
        (f"{path}/{name}", link.__dict__[name])
        for path, link in network.namedlinks()
        for name in link._persistent
    ]
    # A counter is a Python number, and no value to average.
    floats = [named for named in arrays if getattr(named[1], "dtype", None) == np.float32]
    return sorted(floats, key=lambda named: named[0])
