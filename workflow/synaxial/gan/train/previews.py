"""Previews: images from the same latents during a training, and their timeline."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Training
from synaxial.gan.networks.generator import generate_images
from synaxial.gan.networks.randomness import (
    PREVIEW,
    PREVIEW_NOISE,
    BatchRandomness,
    ImageRandomness,
    draw_latents,
)
from synaxial.gan.networks.upsampler import upsample_images
from synaxial.gan.ops.enlargement import area_means
from synaxial.io.files import written_whole
from synaxial.io.images import evenly_spaced, outlined
from synaxial.io.sheets import make_sheet

#: Images in a row and in a column of a preview.
COLUMNS = 4

#: The most rows (epochs) and columns (latents) of the timeline.
TIMELINE_ROWS, TIMELINE_COLUMNS = 8, 8

#: What the columns of an up-sampler's timeline show: the first two rows of `enlarged_pairs`.
PAIRS = ("training",) * COLUMNS + ("enlarged",) * COLUMNS


class Previews(chainer.training.Extension):
    """Chainer extension that draws a preview before the training and every few epochs.

    `images` makes those of an updater: uint8 (16, width, width, channels). It uses no random
    numbers of the training.
    """

    trigger = (1, "iteration")
    priority = chainer.training.PRIORITY_WRITER

    def __init__(
        self, folder: Path, epochs: int, last_epoch: int, images: Callable[[Any], np.ndarray]
    ) -> None:
        self.folder = folder
        self.epochs = epochs
        self.last_epoch = last_epoch
        self.images = images

    def initialize(self, trainer: Any) -> None:
        """Draw the untrained generator."""
        if trainer.updater.iteration == 0:
            self.draw(trainer.updater)

    def __call__(self, trainer: Any) -> None:
        """Draw at the end of every few epochs, and of the last one."""
        updater = trainer.updater
        if updater.is_new_epoch and (
            updater.epoch % self.epochs == 0 or updater.epoch == self.last_epoch
        ):
            self.draw(updater)

    def draw(self, updater: Any) -> None:
        """Draw the preview of the current epoch."""
        images = self.images(updater)
        with written_whole(self.folder / f"epoch_{updater.epoch:04d}.png") as partial:
            make_sheet(as_grey_or_colour(images), COLUMNS, gap=0).save(partial)


def preview_images(generator: Any, training: Training) -> np.ndarray:
    """Return images from the latents of the previews: uint8 (16, width, width, channels).

    Without dropout and normalised by their own statistics, they show what the weights have learned.
    """
    # NumPy's numbers on every device, so that a resumed training has the same latents.
    randomness = BatchRandomness(np, PREVIEW, training.seed)
    latents = draw_latents(randomness, COLUMNS**2, training.latent)
    noise = None
    if generator.needs_randomness:
        names = [(PREVIEW_NOISE, training.seed, number) for number in range(len(latents))]
        noise = ImageRandomness(generator.xp, names)
    return generate_images(generator, generator.xp.asarray(latents), noise, by_batch=True)


def enlarged_pairs(updater: Any) -> np.ndarray:
    """Return training images, each above its reduction enlarged.

    They are the preview of an up-sampler, uint8 (16, width, width, 1), made by its moving average
    with the same noise every time.
    """
    network = updater.networks.average
    count = COLUMNS**2 // 2
    # A data set of fewer images shows some of them again.
    chosen = np.resize(evenly_spaced(len(updater.images), count), count)
    real = np.asarray(updater.images[chosen])
    width = real.shape[1] // network.factor
    small = area_means(real[:, None], width)[:, 0]
    names = [(PREVIEW_NOISE, updater.seed, number) for number in range(len(real))]
    randomness = ImageRandomness(network.xp, names)
    enlarged = upsample_images(network, small, randomness)
    rows = [part.reshape(-1, COLUMNS, *part.shape[1:]) for part in (real, enlarged)]
    return np.stack(rows, axis=1).reshape(-1, *real.shape[1:], 1)


def as_grey_or_colour(images: np.ndarray) -> np.ndarray:
    """Return images as a sheet needs them.

    Grey, (N, H, W, 1), becomes (N, H, W). An image and its mask, (N, H, W, 2), becomes the image
    with the outline of the mask, (N, H, W, 3).
    """
    if images.shape[-1] == 2:
        return outlined(images[..., 0], images[..., 1])
    return images[..., 0] if images.shape[-1] == 1 else images


def find_previews(folder: Path, last_epoch: int) -> dict[int, Path]:
    """Return the previews in a folder by epoch, in order, up to `last_epoch`."""
    found = {
        int(match[1]): path
        for path in folder.glob("epoch_*.png")
        if (match := re.fullmatch(r"epoch_(\d{4,})\.png", path.name))
    }
    return {epoch: found[epoch] for epoch in sorted(found) if epoch <= last_epoch}


def draw_timeline(previews: dict[int, Path], column_labels: Sequence[str] = ()) -> Image.Image:
    """Draw the previews of at most eight epochs (rows) and latents or `PAIRS` (columns)."""
    epochs = list(previews)
    chosen = evenly_spaced(len(epochs), TIMELINE_ROWS)
    rows = [split_sheet(previews[epochs[i]])[:TIMELINE_COLUMNS] for i in chosen]
    labels = [f"epoch {epochs[i]}" for i in chosen]
    images = np.concatenate(rows)
    return make_sheet(images, TIMELINE_COLUMNS, row_labels=labels, column_labels=column_labels)


def split_sheet(path: Path) -> np.ndarray:
    """Return the images of a preview: uint8 (16, width, width) or (16, width, width, 3)."""
    with Image.open(path) as file:
        sheet = np.asarray(file)
    width = sheet.shape[0] // COLUMNS
    split = sheet.reshape(COLUMNS, width, COLUMNS, width, *sheet.shape[2:])
    return split.swapaxes(1, 2).reshape(COLUMNS**2, width, width, *sheet.shape[2:])
