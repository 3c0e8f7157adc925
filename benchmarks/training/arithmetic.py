"""How many multiplications an iteration needs, and how many the machine does a second."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.networks.coarse import EqualizedConvolution, EqualizedLinear

L = chainer.links


class CountMultiplications(chainer.link_hook.LinkHook):
    """Chainer hook that notes the multiplications of each layer with weights, for one image.

    A convolution uses each weight once for each pixel of its output, a transposed one for each
    pixel of its input, a fully connected layer once.
    """

    name = "CountMultiplications"

    def __init__(self) -> None:
        super().__init__()
        self.of_layers: list[int] = []

    def forward_postprocess(self, args: Any) -> None:
        """Note a layer."""
        if isinstance(args.link, L.Linear | EqualizedLinear):
            self.of_layers.append(args.link.W.size)
        elif isinstance(args.link, L.Convolution2D | EqualizedConvolution):
            self.of_layers.append(args.link.W.size * math.prod(args.out.shape[2:]))
        elif isinstance(args.link, L.Deconvolution2D):
            self.of_layers.append(args.link.W.size * math.prod(args.args[0].shape[2:]))


def multiplications(updater: Any) -> float:
    """Return the multiplications of an iteration for one image of the batch.

    Each layer's forward pass, the gradient of its input and that of its weights need the same
    number. With G for all layers of the generator and D for those of the discriminator:

    * forward: G, and three times D (real images; generated ones; these again in G's update);
    * the discriminator's update: twice the gradients of all D's weights, and of all inputs but
      the images;
    * the generator's update: the gradients of all D's inputs, of all G's weights, and of all G's
      inputs but the latents;
    * R1, in one of `r1_interval` iterations: the gradients of all D's inputs for real images, and
      of these the gradients by inputs and by weights.

    Normalisation, activations, noise, dropout and Adam are left out: the limit is that of a
    program in which they cost nothing.
    """
    networks, training = updater.networks, updater.training
    latents = updater.xp.zeros((2, training.latent.size), np.float32)
    with chainer.no_backprop_mode(), chainer.using_config("train", False):
        with CountMultiplications() as counted:
            images = networks.generator(latents)
        generator = counted.of_layers
        with CountMultiplications() as counted:
            networks.discriminator(images)
        discriminator = counted.of_layers
    G, D = sum(generator), sum(discriminator)
    forward = G + 3 * D
    discriminators_update = 2 * (D + D - discriminator[0])
    generators_update = D + G + G - generator[0]
    penalty = 3 * D / training.r1_interval if training.r1 > 0 else 0
    return float(forward + discriminators_update + generators_update + penalty)


def multiplications_per_second(
    size: int = 2048, repeats: int = 20, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the best rate of NumPy's product of two float32 matrices, on the cores it uses."""
    generator = np.random.default_rng(0)
    first, second = generator.standard_normal((2, size, size), dtype=np.float32)
    product = np.empty_like(first)
    seconds = []
    for _ in range(repeats):
        begin = clock()
        np.matmul(first, second, out=product)
        seconds.append(clock() - begin)
    return float(size**3 / min(seconds))
