"""The functions that are compared on two devices: the engine's, and those of Chainer in use.

Inputs are small: odd sizes, and batches of one and three images. The random numbers of layers are
not compared, because CuPy has its own generators.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.machine import counted
from synaxial.config.model import Coarse
from synaxial.config.model import Discriminator as DiscriminatorSettings
from synaxial.config.model import Generator as GeneratorSettings
from synaxial.gan.networks import Discriminator, Generator
from synaxial.gan.networks.coarse import CoarseGenerator, Critic, masked, with_mask_of_logits
from synaxial.gan.networks.discriminator import with_deviation
from synaxial.gan.networks.layers import BatchNormalization, hidden
from synaxial.gan.networks.randomness import INITIALISATION, ImageRandomness, seeded_initialisers
from synaxial.gan.networks.upsampler import PatchCritic, Upsampler, enlarged_masks
from synaxial.gan.ops.augmentation import Changes, change, means_above
from synaxial.gan.ops.background import near_brain, with_background, without_holes
from synaxial.gan.ops.convolution import convolution, transposed_convolution
from synaxial.gan.ops.enlargement import area_reduction, bicubic_enlargement
from synaxial.gan.ops.hidden import Dropped
from synaxial.gan.ops.modulation import modulate
from synaxial.gan.ops.pixel_normalization import pixel_normalization
from synaxial.gan.ops.pooling import average_pooling
from synaxial.gan.ops.rectification import rectified_pooling
from synaxial.gan.ops.resampling import (
    bilinear_upsampling,
    blur,
    depth_to_space,
    nearest_convolution,
)
from synaxial.gan.train.augmentation import with_few_masks
from synaxial.gan.train.losses import LOSSES, gradient_penalty, real_penalty
from synaxial.gan.train.optimizers import BlockedAdam
from synaxial.gan.train.upsampling import pixel_loss, texture_loss

F = chainer.functions

#: A function of Variables, and its parameters.
Function = tuple[Callable[..., Any], Sequence[Any]]


@dataclass(frozen=True)
class Case:
    """A function to compare.

    `arrays` are its inputs, float32 on the host. `make` makes the function, with its parameters, on
    a Chainer device.
    """

    name: str
    arrays: tuple[np.ndarray, ...]
    make: Callable[[Any], Function]
    differentiable: bool = True


def normal(*shape: int) -> np.ndarray:
    """Return standard normal values, float32, always the same for a shape."""
    values = np.random.default_rng(shape).standard_normal(shape)
    return values.astype(np.float32)


def plain(name: str, function: Callable[..., Any], *arrays: np.ndarray, **options: bool) -> Case:
    """Return the case of a function without parameters."""
    return Case(name, arrays, lambda device: (function, ()), **options)


def of_link(
    name: str,
    make: Callable[[], Any],
    *arrays: np.ndarray,
    call: Callable[..., Any] = lambda link, *inputs: link(*inputs),
) -> Case:
    """Return the case of a network in training with its initial weights; `call` computes it."""

    def make_on(device: Any) -> Function:
        with seeded_initialisers(INITIALISATION, 0):
            link = make()
        link.to_device(device)

        def function(*inputs: Any) -> Any:
            with chainer.using_config("train", True):
                return call(link, *inputs)

        return function, [parameter for _, parameter in sorted(link.namedparams())]

    return Case(name, arrays, make_on)


def convolutions() -> list[Case]:
    """Return convolutions, those that double the width, and their biases."""
    cases = []
    for images in (1, 3):
        x, small, b = normal(images, 4, 7, 9), normal(images, 3, 5, 4), normal(3)
        of = f", {counted(images, 'image')}"
        for width, stride in ((1, 1), (3, 1), (4, 2)):
            shape, pad = f"{width} x {width}, stride {stride}{of}", (width - stride + 1) // 2
            options = {"stride": stride, "pad": pad}
            cases += [
                plain(
                    f"convolution {shape}",
                    partial(convolution, **options),
                    *(x, normal(3, 4, width, width), b),
                ),
                plain(
                    f"transposed convolution {shape}",
                    partial(transposed_convolution, **options),
                    *(small, normal(3, 4, width, width), normal(4)),
                ),
            ]
        cases.append(
            plain(f"nearest convolution{of}", nearest_convolution, x, normal(3, 4, 3, 3), b)
        )
    return cases


def resizings() -> list[Case]:
    """Return the functions that change the width of images, and the low-pass filter."""
    cases = []
    for images in (1, 3):
        odd, even = normal(images, 4, 5, 7), normal(images, 3, 6, 10)
        functions: dict[str, tuple[Callable[..., Any], np.ndarray]] = {
            "bilinear up-sampling": (bilinear_upsampling, odd),
            "sub-pixel up-sampling": (depth_to_space, odd),
            "bicubic enlargement": (partial(bicubic_enlargement, factor=4), odd),
            "blur": (blur, odd),
            "average pooling": (average_pooling, even),
            "rectified average pooling": (partial(rectified_pooling, slope=0.2), even),
            "area reduction": (partial(area_reduction, factor=2), even),
        }
        for name, (function, x) in functions.items():
            cases.append(plain(f"{name}, {counted(images, 'image')}", function, x))
    return cases


def hidden_layers() -> list[Case]:
    """Return activations with batch normalisation and dropout, and pixel normalisation."""
    cases = []
    for images in (1, 3):
        x, of = normal(images, 4, 5, 7), f", {counted(images, 'image')}"
        for activation in ("relu", "leaky_relu", "elu", "tanh", "sigmoid"):
            function = partial(hidden, normalization=None, activation=activation, slope=0.2)
            cases.append(plain(f"{activation}{of}", function, x))
        for training in (True, False):
            kind = "of the batch" if training else "with running statistics"
            make = partial(normalised, x.shape, training)
            cases.append(Case(f"batch normalisation {kind}, dropout{of}", (x,), make))
        cases += [
            plain(f"modulation{of}", modulate, x, normal(images, 4)),
            plain(
                f"pixel normalisation{of}",
                partial(pixel_normalization, strengths=None, noise=None, slope=0.2),
                x,
            ),
            Case(
                f"pixel normalisation with noise{of}", (x, normal(4)), partial(with_noise, images)
            ),
        ]
    return cases


def normalised(shape: tuple[int, ...], training: bool, device: Any) -> Function:
    """Make batch normalisation, Leaky ReLU and dropout."""
    link = BatchNormalization(shape[1])
    link.avg_mean[...], link.avg_var[...] = normal(shape[1]), 0.5 + normal(shape[1]) ** 2
    link.to_device(device)
    values = shape[0] * int(np.prod(shape[2:]))
    kept = np.packbits(normal(shape[1], values) > 0, axis=1)
    dropped = Dropped(device.send(kept), 0.5)

    def function(x: Any) -> Any:
        with chainer.using_config("train", training):
            return link(x, "leaky_relu", 0.2, dropped)

    return function, (link.gamma, link.beta)


def with_noise(images: int, device: Any) -> Function:
    """Make pixel normalisation with noise."""
    noise = device.send(normal(images, 1, 5, 7))
    return lambda x, strengths: pixel_normalization(x, strengths, noise, 0.2), ()


def of_images() -> list[Case]:
    """Return the functions of whole images: background, augmentation and their statistics."""
    cases = []
    for images in (1, 3):
        x, of = normal(images, 1, 9, 7), f", {counted(images, 'image')}"
        cases += [
            plain(
                f"exact background{of}", with_background, x, normal(images, 1, 7, 9).swapaxes(2, 3)
            ),
            plain(
                f"enclosed pixels{of}",
                lambda v: without_holes(v.array > 0),
                x,
                differentiable=False,
            ),
            plain(
                # Random pixels are specks for a square of 2 pixels, and some hold one.
                f"surroundings of the brain{of}",
                lambda v: near_brain(v.array > 0.2),
                normal(images, 1, 32, 32),
                differentiable=False,
            ),
            plain(
                f"enlarged masks{of}",
                lambda v, masks: enlarged_masks(masks, F.maximum(v, v * 0 - 1), 2),
                *(normal(images, 1, 18, 14), normal(images, 1, 9, 7)),
                differentiable=False,
            ),
            plain(f"means above{of}", lambda v: means_above(v.array, 0.1), x, differentiable=False),
            Case(f"augmentation{of}", (x,), partial(augmented, images)),
        ]
    return cases


def augmented(images: int, device: Any) -> Function:
    """Make a change of intensity, a flip, a shift and a cutout."""
    slopes = 1 + np.float32(0.1) * normal(images, 2)
    some = np.arange(images) % 2 == 0
    changes = Changes(
        *(-1.0, -0.5, device.send(some), device.send(slopes), device.send(some)),
        device.send(np.array([[1, -2], [0, 3], [-1, 0]])[:images]),
        device.send(np.array([[[2, 5], [1, 4]], [[0, 0], [0, 0]], [[6, 9], [5, 7]]])[:images]),
    )
    return lambda x: change(x, changes), ()


def of_chainer() -> list[Case]:
    """Return the functions of Chainer that the networks and the losses use."""
    x, rows = normal(3, 4, 5, 7), normal(3, 6)
    scores, others = normal(5), normal(1, 5)[0]
    cases = [
        plain("linear", F.linear, rows, normal(4, 6), normal(4)),
        plain("matmul, transposed", partial(F.matmul, transb=True), normal(4, 6), rows),
        plain("concat and split_axis", lambda v: F.concat(F.split_axis(v, 2, axis=1)[::-1]), x),
        plain("clip", partial(F.clip, x_min=-0.5, x_max=0.5), x),
        plain("parts of an array", lambda v: v[:, :, :1] * v[..., -1:], x),
        plain("softplus", F.softplus, x),
        plain("absolute", F.absolute, x),
        plain("square root of a mean", lambda v: F.sqrt(F.mean(v**2, axis=(1, 2))), x),
        plain("tile and transpose", lambda v: F.transpose(F.tile(v, (2, 1))), rows),
        plain("texture and probability", masked, x),
        plain("mask of logits", with_mask_of_logits, x),
        plain("masks that are seen", partial(with_few_masks, first=2), normal(5, 2, 3, 4)),
        plain(
            "convolutions of a texture",
            texture_loss,
            normal(1, 1, 32, 16),
            normal(1, 1, 16, 32).swapaxes(2, 3),
        ),
        plain(
            "difference of images",
            pixel_loss,
            normal(1, 1, 6, 8),
            normal(1, 1, 8, 6).swapaxes(2, 3),
        ),
    ]
    for images in (1, 3, 4):
        cases.append(
            plain(
                f"deviation of {counted(images, 'image')}", with_deviation, normal(images, 4, 3, 5)
            )
        )
    for name, loss in LOSSES.items():
        cases += [
            plain(f"{name} loss of the discriminator", loss.discriminator, scores, others),
            plain(f"{name} loss of the generator", loss.generator, others),
        ]
    return cases


def networks() -> list[Case]:
    """Return small networks of every kind."""
    generator = GeneratorSettings(
        channels=[8, 8, 6, 4, 3], upsampling=["transposed", "nearest", "bilinear", "sub_pixel"]
    )
    paper = DiscriminatorSettings(channels=[4, 6, 8], kernels=[4, 3, 4])
    modern = DiscriminatorSettings(
        channels=[4, 6, 8],
        kernels=[4, 3, 4],
        batch_normalization=False,
        spectral_normalization=True,
        minibatch_deviation=True,
        blur=True,
    )
    coarse = Coarse(channels=[8, 6, 4], first_width=8)
    colour, grey = normal(3, 3, 16, 16), normal(3, 1, 16, 16)
    latents, features = normal(3, 6), normal(3, 5)
    return [
        of_link("generator", partial(Generator, generator, 6, 0.2), latents),
        of_link("discriminator", partial(Discriminator, paper, 3, 16, 0.2), colour),
        of_link("regularised discriminator", partial(Discriminator, modern, 3, 16, 0.2), colour),
        of_link("coarse generator", partial(CoarseGenerator, coarse, 6, 1), latents),
        of_link(
            "coarse critic with conditions",
            partial(Critic, coarse, 1, 5),
            *(grey, features),
            call=lambda link, x, asked: link(x, None, asked),
        ),
        of_link(
            "up-sampler",
            partial(Upsampler, 8, 2),
            *(normal(2, 1, 8, 8), normal(2, 3)),
            call=lambda link, x, details: (
                link.enlarge(x, details.array, ImageRandomness(link.xp, [(0,), (1,)])).images
            ),
        ),
        of_link(
            "up-sampler of whole images",
            partial(Upsampler, 8, 2),
            *(normal(2, 1, 8, 8), normal(2, 3)),
            call=lambda link, x, details: link.enlarge_whole(
                x, details.array, ImageRandomness(link.xp, [(0,), (1,)])
            ),
        ),
        of_link(
            "critic of patches",
            PatchCritic,
            *(normal(1, 1, 24, 40), normal(1, 3)),
            call=lambda link, x, details: link(x, details.array),
        ),
    ]


def training_steps() -> list[Case]:
    """Return the penalties of a slope, themselves derivatives, and steps of Adam."""
    coarse, grey = Coarse(channels=[8, 6, 4], first_width=8), normal(3, 1, 16, 16)
    return [
        of_link(
            "gradient penalty",
            partial(Critic, coarse, 1),
            *(grey, normal(3, 1, 16, 16) ** 2, normal(3, 1, 1, 1)),
            call=lambda link, real, generated, shares: gradient_penalty(
                link, real.array, generated.array, shares.array
            ),
        ),
        of_link(
            "penalty of real images",
            partial(Critic, coarse, 1),
            grey,
            call=lambda link, real: real_penalty(link(real), real),
        ),
        *(
            Case(f"Adam, weight decay {decay}", (normal(5, 7),), partial(adam, decay), False)
            for decay in (0.0, 0.1)
        ),
    ]


def adam(weight_decay: float, device: Any) -> Function:
    """Make three steps of Adam along fixed gradients."""

    def function(weights: Any) -> Any:
        link = chainer.Link()
        with link.init_scope():
            link.W = chainer.Parameter(chainer.get_device("@numpy").send(weights.array))
        link.to_device(device)
        optimizer = BlockedAdam(0.01, 0.5, 0.99, weight_decay)
        optimizer.setup(link)
        for number in range(3):
            link.W.grad = device.send(normal(5, 7, 1 + number)[..., -1])
            optimizer.update()
        return link.W

    return function, ()


CASES = (
    *convolutions(),
    *resizings(),
    *hidden_layers(),
    *of_images(),
    *of_chainer(),
    *networks(),
    *training_steps(),
)
