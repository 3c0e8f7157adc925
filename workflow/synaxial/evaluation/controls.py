"""`synaxial evaluate controls`: sets of real images, and of images with known defects."""

import logging
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from synaxial.config import read_study
from synaxial.config.model import Evaluate
from synaxial.data.dataset.reading import check_unseen, read_dataset
from synaxial.io.errors import SynaxialError
from synaxial.io.images import ImageSet, subset
from synaxial.io.stacks import write_stack

#: Raise it when the results of this stage change.
VERSION = 2

#: The help of the command says what each set is.
Kind = Literal["reference", "real", "copies", "warped", "blurred", "grid", "noise"]

#: The kinds that are made of training images; the others are made of held-out images.
OF_TRAINING = ("copies", "warped")

#: Control `warped`, in shares of the width of an image: the root mean square length of the
#: displacements, 2 pixels of 256, and the distance over which they change.
DISPLACEMENT = 1 / 128
SMOOTHNESS = 1 / 16

logger = logging.getLogger(__name__)


class Control(NamedTuple):
    """A set of images, and the index of each (or of its original) in its data set, int64 (N,)."""

    images: ImageSet
    origin: NDArray[np.int64]


def run(
    kind: Annotated[Kind, typer.Option(help="The set to make.")],
    training: Annotated[Path, typer.Option(help="Data set of the training subjects (folder).")],
    held_out: Annotated[Path, typer.Option(help="Data set of the held-out subjects (folder).")],
    output: Annotated[Path, typer.Option(help="The stack to write (.tif).")],
    config: Annotated[
        Path, typer.Option(help="The study; its sections evaluate and sample (stacks, images).")
    ] = Path("config.yaml"),
) -> None:
    """Make a control set: real images, or images with a known defect.

    reference: half of the held-out subjects, which every set is compared with; real: the other
    half; copies: training images; warped: the copies, slightly bent; blurred, grid, noise: the real
    images with a defect.

    \b
    Example: synaxial evaluate controls --kind real --training results/dataset
      --held-out results/held_out --output results/controls/real/images.tif
    """
    study = read_study(config)
    seen, seen_rows = read_dataset(training)
    unseen, unseen_rows = read_dataset(held_out)
    if seen.pixels.shape[1:] != unseen.pixels.shape[1:]:
        raise SynaxialError(
            held_out,
            f"its images have the shape {unseen.pixels.shape[1:]}",
            f"{seen.pixels.shape[1:]}, as in {training}",
        )
    check_unseen(held_out, training)
    generated = study.sample.stacks * study.sample.images_of_stack
    try:
        control = make_control(kind, seen, unseen, study.evaluate, generated)
    except ValueError as error:
        raise SynaxialError(held_out, f"holds {error}") from error
    rows = seen_rows if kind in OF_TRAINING else unseen_rows
    write_stack(output, control.images.pixels, descriptions(control, rows, kind))
    logger.info("%s: %d images", output, len(control.images))


def descriptions(control: Control, rows: list[dict[str, str]], kind: str) -> list[dict[str, Any]]:
    """Return the description of each page; noise has no subject."""
    known = [rows[number] for number in control.origin]
    if kind == "noise":
        return [{"control": kind} for _ in known]
    return [
        {
            "control": kind,
            **{name: row[name] for name in ("subject", "person")},
            "slice": int(row["slice"]),
        }
        for row in known
    ]


def make_control(
    kind: Kind, training: ImageSet, held_out: ImageSet, settings: Evaluate, most: int
) -> Control:
    """Make one of the sets. All sets have the same number of images, at most `most`."""
    halves = {"reference": half_of(held_out, 0), "real": half_of(held_out, 1)}
    sizes = [len(half) for half in halves.values()]
    count = min(settings.images, most, len(training), *sizes)
    if kind in OF_TRAINING:
        chosen = copies(len(training), count, settings.seed)
        images = subset(training, chosen)
        return Control(warped(images, settings.seed) if kind == "warped" else images, chosen)
    chosen = evenly(halves["reference" if kind == "reference" else "real"], count)
    images = subset(held_out, chosen)
    match kind:
        case "blurred":
            images = blurred(images, settings.blur)
        case "grid":
            images = planted_grid(images, settings.grid_amplitude, settings.grid_period)
        case "noise":
            images = noise(images, settings.seed)
    return Control(images, chosen)


def half_of(images: ImageSet, which: int) -> NDArray[np.int64]:
    """Return the indices of the images of every second person, from the first or the second."""
    people = np.unique(images.groups)[which::2]
    if len(people) < 2:
        raise ValueError(f"{len(np.unique(images.groups))} held-out people, expected 4 or more")
    return np.flatnonzero(np.isin(images.groups, people))


def evenly(numbers: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return `count` of the numbers, evenly spaced: each subject has about as many images."""
    return numbers[(np.arange(count) * len(numbers)) // count]


def copies(training: int, count: int, seed: int) -> NDArray[np.int64]:
    """Draw `count` of the indices 0 … training - 1, none twice, in rising order.

    Copies are the output of a generator that only remembers. Distances find nothing wrong with
    them; a measure of memorisation must.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    return np.sort(generator.choice(training, count, replace=False))


def warped(images: ImageSet, seed: int) -> ImageSet:
    """Bend each image by a smooth random displacement of its own; black surroundings stay black.

    Warped copies are the output of a generator that only remembers, and hides it. A two-sample
    test takes them for real images, so its AUC says little without a measure of memorisation.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    side = images.pixels.shape[1]
    places = np.indices((side, side), np.float32)
    pixels = np.empty_like(images.pixels)
    for at, image in enumerate(images.pixels):
        noise = generator.standard_normal((2, side, side), np.float32)
        moves = gaussian_filter(noise, (0, SMOOTHNESS * side, SMOOTHNESS * side), mode="wrap")
        moves *= DISPLACEMENT * side / np.sqrt((moves**2).sum(axis=0).mean())
        bent = map_coordinates(image.astype(np.float32), places + moves, order=1)
        pixels[at] = np.rint(bent)
    return ImageSet(pixels, images.groups)


def blurred(images: ImageSet, sigma: float) -> ImageSet:
    """Blur each image with a Gaussian of `sigma` pixels: only the details are missing."""
    pixels = np.empty_like(images.pixels)
    for at, image in enumerate(images.pixels):
        pixels[at] = np.rint(gaussian_filter(image.astype(np.float32), sigma)).clip(0, 255)
    return ImageSet(pixels, images.groups)


def noise(images: ImageSet, seed: int) -> ImageSet:
    """Return as many images of uniform white noise, each a group of its own: nothing is right."""
    generator = np.random.Generator(np.random.PCG64(seed))
    pixels = generator.integers(0, 256, images.pixels.shape, np.uint8)
    return ImageSet(pixels, np.arange(len(pixels), dtype=np.int64))


def planted_grid(images: ImageSet, amplitude: float, period: int) -> ImageSet:
    """Add the pattern that transposed convolutions leave: a wave along both axes.

    Pixels of 0 stay: the background of a generator is at the end of its range and shows no
    pattern. The amplitude is in grey levels, the period in pixels.
    """
    height, width = images.pixels.shape[1:]
    down, right = (np.cos(2 * np.pi * np.arange(side) / period) for side in (height, width))
    wave = (amplitude * (down[:, None] + right)).astype(np.float32)
    pixels = np.empty_like(images.pixels)
    for at, image in enumerate(images.pixels):
        pixels[at] = np.where(image > 0, np.rint(image + wave).clip(0, 255), 0)
    return ImageSet(pixels, images.groups)
