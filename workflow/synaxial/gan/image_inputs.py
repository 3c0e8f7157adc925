"""What the images of a stack are made from: independent images, a head, or an interpolation.

The images of a head have one latent and one noise, at one level after the other. Those of an
interpolation have one noise, and latents on the way from one image of a stack to another. In both,
all images have the fine structure of one scan.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.config.model import Latent, Request, Sample
from synaxial.data.dataset.labels import LABEL, LEVEL, SIZE, TUMOUR, described
from synaxial.gan.networks.conditions import Conditions
from synaxial.gan.networks.randomness import REQUEST, SAMPLE, ImageRandomness, draw_latents
from synaxial.gan.requests import fulfil, labels_of_stack
from synaxial.io.errors import SynaxialError

Array = NDArray[np.float32]

#: A section of a tumour that is smaller than this, in mm, is left out.
SMALLEST = 3.0


@dataclass(frozen=True)
class ImageInputs:
    """What images are made from.

    Attributes
    ----------
    names
        The name of the stream of each image's random numbers.
    descriptions
        What the page of each image says, beside what all pages of the stack say.
    labels
        What is asked of each image, float32 (N, LABEL); None without conditions.
    latents
        Float32 (N, latent size); None means that the streams give them.
    detail_of
        The number of the image whose fine structure all have, as slices of one scan have; None
        means that each has its own.
    """

    names: Sequence[tuple[int, ...]]
    descriptions: Sequence[dict[str, Any]]
    labels: Array | None
    latents: Array | None = None
    detail_of: int | None = None


def independent(
    conditions: Conditions, settings: Sample, stack: int, generator: Path
) -> ImageInputs:
    """Return the inputs of the independent images of a stack; raises what `fulfil` raises."""
    numbers = range(settings.images_of_stack)
    labels = labels_of_stack(conditions, settings, stack, generator)
    descriptions = [
        {"image": i} | ({} if labels is None else described(labels[i], conditions.names))
        for i in numbers
    ]
    return ImageInputs([(SAMPLE, settings.seed, stack, i) for i in numbers], descriptions, labels)


def head(
    conditions: Conditions,
    settings: Sample,
    stack: int,
    generator: Path,
    levels: tuple[int, int],
    tumour: Request | None = None,
) -> ImageInputs:
    """Return the inputs of a head: an image each mm, from the first level to the last.

    They have the latent and the noise of the first image of a stack. A tumour that is asked for is
    a ball in the middle of the levels, whose size is that of its largest section.

    Raises
    ------
    SynaxialError
        The training had no such levels, or no such tumour.
    """
    if "level" not in conditions.names or conditions.known is None:
        raise SynaxialError(
            generator, "cannot be asked for levels", "a training with conditions: [level]"
        )
    lowest, highest = (limit(conditions.known[:, LEVEL]) for limit in (np.min, np.max))
    if not lowest <= levels[0] <= levels[1] <= highest:
        raise SynaxialError(
            "--levels",
            f"is {levels[0]}..{levels[1]}",
            f"levels of the training of {generator}: {lowest:g}..{highest:g}",
        )
    heights = np.arange(levels[0], levels[1] + 1, dtype=np.float32)
    labels = np.zeros((len(heights), LABEL), np.float32)
    labels[:, LEVEL] = heights
    if tumour is not None and tumour.tumour != "none":
        middle = float(heights.mean())
        stream = ImageRandomness(np, [(REQUEST, settings.seed, stack, 0)])
        asked = tumour.model_copy(update={"level": middle})
        label = fulfil(asked, conditions, stream.uniform((1, 1))[:, 0], generator)[0]
        diameters = np.sqrt(np.maximum(label[SIZE] ** 2 - 4 * (heights - middle) ** 2, 0))
        cut = diameters >= SMALLEST
        labels[cut, TUMOUR:] = label[TUMOUR:]
        labels[cut, SIZE] = diameters[cut]
    descriptions = [
        {"image": 0, "series": "head"} | described(label, conditions.names) for label in labels
    ]
    names = [(SAMPLE, settings.seed, stack, 0)] * len(labels)
    return ImageInputs(names, descriptions, labels, detail_of=len(labels) // 2)


def interpolation(
    conditions: Conditions,
    settings: Sample,
    stack: int,
    generator: Path,
    latent: Latent,
    ends: tuple[int, int],
    steps: int,
) -> ImageInputs:
    """Return the inputs of images on the way from one image of a stack to another, both included.

    Normal latents go along the arc between the two (Shoemake, 1985; White, 2016, "Sampling
    generative networks"), others and the labels along the straight line. The noise is that of the
    first image.

    Raises
    ------
    SynaxialError
        The stack has no such images.
    """
    count = settings.images_of_stack
    if not all(0 <= end < count for end in ends):
        raise SynaxialError(
            "--interpolate", f"is {ends[0]}:{ends[1]}", f"two images of a stack: 0 to {count - 1}"
        )
    streams = [(SAMPLE, settings.seed, stack, end) for end in ends]
    first, last = draw_latents(ImageRandomness(np, streams), 2, latent)
    shares = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    mix = along_arc if latent.distribution == "normal" else along_line
    labels = labels_of_stack(conditions, settings, stack, generator)
    asked = None if labels is None else along_line(labels[ends[0]], labels[ends[1]], shares)
    descriptions: list[dict[str, Any]] = [
        {"image": ends[0], "series": "interpolation", "between": list(ends), "share": float(share)}
        for share in np.round(shares[:, 0].astype(float), 4)
    ]
    if asked is not None:
        descriptions = [
            page | described(label, conditions.names)
            for page, label in zip(descriptions, asked, strict=True)
        ]
    latents = mix(first, last, shares)
    return ImageInputs([streams[0]] * steps, descriptions, asked, latents, detail_of=0)


def along_line(first: Array, last: Array, shares: Array) -> Array:
    """Return points on the straight line between two, at shares (N, 1) of the way."""
    return np.asarray((1 - shares) * first + shares * last, np.float32)


def along_arc(first: Array, last: Array, shares: Array) -> Array:
    """Return points on the arc between two, at shares (N, 1) of its angle."""
    cosine = first @ last / (np.linalg.norm(first) * np.linalg.norm(last))
    angle = np.arccos(np.clip(cosine, -1, 1))
    if np.sin(angle) < 1e-6:
        return along_line(first, last, shares)
    weights = np.sin((1 - shares) * angle), np.sin(shares * angle)
    return np.asarray((weights[0] * first + weights[1] * last) / np.sin(angle), np.float32)
