"""Smooth activation functions and their derivatives, in place on blocks of an array."""

import numpy as np


def activate_block(z: np.ndarray, name: str | None) -> None:
    """Put the activation of every value in its place: elu, tanh or sigmoid."""
    if name == "elu":
        negative = np.expm1(np.minimum(z, 0))
        np.maximum(z, 0, out=z)
        z += negative
    elif name == "tanh":
        np.tanh(z, out=z)
    elif name == "sigmoid":
        # By the hyperbolic tangent, as in Chainer: no overflow.
        z *= 0.5
        np.tanh(z, out=z)
        z *= 0.5
        z += 0.5
    else:
        raise ValueError(f"no smooth activation is called {name!r}")


def differentiate_block(z: np.ndarray, name: str | None) -> None:
    """Put the derivative of the activation at every value in its place."""
    if name == "elu":
        np.exp(np.minimum(z, 0), out=z)
        return
    activate_block(z, name)
    if name == "tanh":
        np.multiply(z, z, out=z)
        np.subtract(1, z, out=z)
    else:
        z *= 1 - z
