"""Chainer as it is, on the same stack: our networks with Chainer's own links and functions."""

import importlib
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.networks import layers

F = chainer.functions
L = chainer.links


def use_chainers_functions() -> None:
    """Have this process's networks compute with Chainer's links and functions, for good."""
    chainers = {
        layers.Convolution: L.Convolution2D,
        layers.TransposedConvolution: L.Deconvolution2D,
        layers.BatchNormalization: L.BatchNormalization,
    }
    for ours, link in chainers.items():
        setattr(ours, "forward", link.forward)  # noqa: B010 (what it is, is a method)
    for name in ("generator", "discriminator"):
        module = importlib.import_module(f"synaxial.gan.networks.{name}")
        vars(module)["hidden"] = hidden
        if name == "discriminator":
            vars(module)["add_noise"] = add_noise


def hidden(
    x: Any,
    normalization: Any,
    activation: str,
    slope: float,
    dropout: float = 0.0,
    randomness: Any = None,
) -> Any:
    """Apply batch normalisation, an activation and dropout, one after the other."""
    h = x if normalization is None else normalization(x)
    h = F.leaky_relu(h, slope) if activation == "leaky_relu" else getattr(F, activation)(h)
    return h if randomness is None or dropout == 0 else F.dropout(h, dropout)


def add_noise(x: Any, deviation: float, randomness: Any) -> Any:
    """Add noise as ChainerMN's DCGAN example does."""
    if randomness is None or deviation == 0:
        return x
    xp = chainer.backend.get_array_module(x)
    return x + deviation * xp.random.randn(*x.shape).astype(np.float32)


def make_optimizer(settings: Any, network: Any, communicator: Any) -> Any:
    """Return Chainer's Adam with its hook for weight decay."""
    optimizer = chainer.optimizers.Adam(settings.learning_rate, settings.beta1, settings.beta2)
    optimizer.setup(network)
    optimizer.add_hook(chainer.optimizer_hooks.WeightDecay(settings.weight_decay))
    return optimizer
