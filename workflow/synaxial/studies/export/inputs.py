"""The inputs and the output of an exported generator."""

from dataclasses import dataclass
from typing import Literal

from synaxial.config.model import Training
from synaxial.data.dataset.labels import LABEL
from synaxial.gan.networks.generator import FIRST_WIDTH
from synaxial.gan.networks.upsampler import BLOCKS, NEAREST

#: The names of the inputs.
LATENTS, LABELS, DETAIL = "latents", "labels", "detail"
COARSE_NOISE, UPSAMPLER_NOISE = "coarse_noise", "upsampler_noise"


@dataclass(frozen=True)
class Input:
    """An input, float32 (N, `size`), and how its values are drawn.

    `normal` is standard normal, `uniform` is over [0, 1), and `symmetric` is uniform over [-1, 1).
    The user chooses what is `asked`.
    """

    name: str
    size: int
    drawn: Literal["normal", "uniform", "symmetric", "asked"]
    meaning: str


def inputs_of(training: Training) -> list[Input]:
    """Return the inputs of a training's generator.

    All but the labels are in the order in which `synaxial sample` draws them from the stream of an
    image.
    """
    latent = training.latent
    drawn: Literal["normal", "symmetric"] = (
        "normal" if latent.distribution == "normal" else "symmetric"
    )
    inputs = [Input(LATENTS, latent.size, drawn, "what an image shows")]
    if not training.is_coarse_to_fine:
        return inputs
    if training.conditions:
        meaning = (
            "what is asked: level in mm above the lowest slice, tumour (1 or 0), its side (-1 the "
            "patient's right to 1 left) and its size in mm; side and size are 0 without a tumour"
        )
        inputs.append(Input(LABELS, LABEL, "asked", meaning))
    if training.coarse.noise:
        size = values_of(coarse_noise_widths(training))
        meaning = "the noise of the coarse generator's layers"
        inputs.append(Input(COARSE_NOISE, size, "normal", meaning))
    meaning = f"how fine the structure is: as in one of the {NEAREST} most similar training images"
    inputs.append(Input(DETAIL, 1, "uniform", meaning))
    size = values_of(upsampler_noise_widths(training))
    meaning = "the noise of the up-sampler's layers, from which it makes fine structure"
    return [*inputs, Input(UPSAMPLER_NOISE, size, "normal", meaning)]


def meaning_of_images(training: Training) -> str:
    """Return in words what the output is: float32 (N, channels, width, width)."""
    text = "grey levels from 0 to 255, not rounded"
    if training.masks:
        text += "; the second channel is the tumour mask, inside above 127.5"
    elif training.image_channels == 3:
        text += ", in three channels that are almost alike"
    return f"{text}; background is exactly 0" if training.is_coarse_to_fine else text


def coarse_noise_widths(training: Training) -> list[int]:
    """Return the width of the noise of each of the coarse generator's convolutions, in order."""
    stages = len(training.coarse.channels) - 1
    return [
        FIRST_WIDTH,
        *(FIRST_WIDTH * 2**stage for stage in range(1, stages + 1) for _ in range(2)),
    ]


def upsampler_noise_widths(training: Training) -> list[int]:
    """Return the width of each channel of noise of the up-sampler, in order."""
    small, factor = training.coarse.width, training.upsampler.factor
    return [*[small] * BLOCKS, *(small * 2**k for k in range(1, factor.bit_length()))]


def values_of(widths: list[int]) -> int:
    """Return the number of values of squares of these widths."""
    return sum(width**2 for width in widths)
