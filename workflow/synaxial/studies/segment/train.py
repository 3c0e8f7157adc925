"""`synaxial study segment train`."""

import logging
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.compute.devices import prepare_alone
from synaxial.compute.parallel import use_threads
from synaxial.config import read_study
from synaxial.config.model import Segment
from synaxial.data.dataset.reading import check_unseen
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_json, written_whole
from synaxial.studies.segment.limits import NONE, check_size
from synaxial.studies.segment.mask_numbers import dice_of_people
from synaxial.studies.segment.results import PROTOCOL
from synaxial.studies.segment.slices import (
    KINDS,
    Slices,
    choose_people,
    describe_dataset,
    describe_held_out,
    draw_outlines,
    fullest_slices,
    read_generated,
    read_real,
    reduced,
)
from synaxial.studies.segment.unet import segment, train

#: Raise it when the results of this stage change.
VERSION = 2

log = logging.getLogger(__name__)

Stacks = Annotated[list[Path] | None, typer.Argument(help="Generated images with masks (.tif).")]
Dataset = Annotated[
    Path | None, typer.Option(help="Data set of the training subjects, with their masks.")
]
Kind = Annotated[str, typer.Option(help="Slices to train on: real, synthetic or both.")]
Subjects = Annotated[
    str, typer.Option(help="Subjects of the real slices: all, quarter, a number, or none.")
]
Experiment = Annotated[str | None, typer.Option(help="Experiment of the stacks, for the page.")]
Config = Annotated[Path, typer.Option(help="The study, for its section `segment`.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Cores to use; all available ones by default.")
]


def run(
    held_out: Annotated[Path, typer.Option(help="Data set of held-out subjects, with masks.")],
    output: Annotated[Path, typer.Option(help="The Dice coefficients to write (.json).")],
    picture: Annotated[Path, typer.Option(help="A picture of some slices to write (.png).")],
    stacks: Stacks = None,
    kind: Kind = "real",
    subjects: Subjects = "all",
    seed: Annotated[int, typer.Option(min=0, help="Seed of this training.")] = 1,
    dataset: Dataset = None,
    experiment: Experiment = None,
    config: Config = Path("config.yaml"),
    device: Annotated[str, typer.Option(help="auto, cpu or gpu.")] = "auto",
    threads: Threads = None,
) -> None:
    """Train one U-Net and segment the held-out subjects.

    \b
    Example:
      synaxial study segment train stack_0.tif stack_1.tif --kind both --dataset dataset
        --held-out held_out --output both.json --picture both.png
    """
    settings = read_study(config).segment
    check_options(kind, subjects, dataset, stacks or [])
    if dataset is not None:
        check_unseen(held_out, dataset)
    truth = read_real(held_out)
    check_size(truth.images.shape[1], settings.channels, settings.reduction)
    if not truth.masks.any():
        raise SynaxialError(held_out, "has no tumour in any slice", "subjects with a tumour")
    real = None if kind == "synthetic" else dataset
    parts = read_parts(real, stacks if kind != "real" else None, truth, subjects, seed)
    parts = {name: reduced(part, settings.reduction) for name, part in parts.items()}
    started = time.monotonic()
    parameters, found = train_and_segment(parts, truth, settings, seed, device, threads)
    scores = dice_of_people(found, truth)
    result = {
        "protocol": PROTOCOL,
        "kind": kind,
        "subjects": subjects,
        "seed": seed,
        **describe_parts(parts),
        "training_set": None if real is None else describe_dataset(real),
        "experiment": experiment if "synthetic" in parts else None,
        **describe_budget(settings),
        "parameters": parameters,
        "held_out": describe_held_out(held_out, truth, scores),
        "dice": scores,
    }
    write_json(output, result)
    title = f"A U-Net trained on {KINDS[kind]} (real subjects: {subjects}), seed {seed}."
    draw_largest_tumours(picture, truth, found, scores, title)
    mean, seconds = np.mean(list(scores.values())), time.monotonic() - started
    log.info("%s: mean Dice %.3f of %d subjects, %.0f s", output, mean, len(scores), seconds)


def check_options(kind: str, subjects: str, dataset: Path | None, stacks: list[Path]) -> None:
    """Raise a SynaxialError if the options do not fit together."""
    if kind not in KINDS:
        raise SynaxialError("--kind", f"found {kind!r}", f"one of {', '.join(KINDS)}")
    if (kind == "synthetic") != (subjects == NONE):
        raise SynaxialError(
            "--subjects",
            f"found {subjects!r} with --kind {kind}",
            f"{NONE} with synthetic, and a number of subjects with the other kinds",
        )
    if kind != "synthetic" and dataset is None:
        raise SynaxialError("--dataset", "is missing", f"the real slices, for --kind {kind}")
    if kind != "real" and not stacks:
        raise SynaxialError("STACKS", "are missing", f"generated images, for --kind {kind}")


def read_parts(
    dataset: Path | None, stacks: list[Path] | None, truth: Slices, subjects: str, seed: int
) -> dict[str, Slices]:
    """Return the `real` and the `synthetic` slices to train with, as far as they are given."""
    parts = {}
    width = truth.images.shape[1]
    if dataset is not None:
        real = read_real(dataset)
        if real.images.shape[1] != width:
            raise SynaxialError(
                "--dataset",
                f"has images of {real.images.shape[1]} pixels",
                f"{width}, as --held-out",
            )
        parts["real"] = choose_people(real, subjects, seed)
    if stacks:
        parts["synthetic"] = read_generated(stacks, width)
    return parts


def train_and_segment(
    parts: dict[str, Slices],
    truth: Slices,
    settings: Segment,
    seed: int,
    device: str,
    threads: int | None,
) -> tuple[int, NDArray[np.bool_]]:
    """Return the number of weights of a trained U-Net, and its masks of the images of `truth`.

    It sees reduced images; its masks are enlarged again, so that they are judged at full width.
    """
    chosen, threads = prepare_alone(device, threads)
    with use_threads(threads):
        network = train(list(parts.values()), settings, seed, chosen)
        small = segment(network, reduced(truth, settings.reduction).images, chosen)
    found = small.repeat(settings.reduction, axis=1).repeat(settings.reduction, axis=2)
    return int(network.count_params()), found


def describe_parts(parts: dict[str, Slices]) -> dict[str, Any]:
    """Return the people, the numbers of images and the generators of the training slices."""
    real, synthetic = parts.get("real"), parts.get("synthetic")
    people = [] if real is None else [real.names[group] for group in np.unique(real.groups)]
    return {
        "people": people,
        "real_images": 0 if real is None else len(real),
        "synthetic_images": 0 if synthetic is None else len(synthetic),
        "generators": [] if synthetic is None else list(synthetic.generators),
    }


def describe_budget(settings: Segment) -> dict[str, Any]:
    """Return the settings that all compared trainings must share."""
    return {
        "updates": settings.updates,
        "batch_size": settings.batch_size,
        "images_seen": settings.updates * settings.batch_size,
        "reduction": settings.reduction,
        "channels": settings.channels,
        "learning_rate": settings.learning_rate,
    }


def draw_largest_tumours(
    path: Path, truth: Slices, found: NDArray[np.bool_], scores: dict[str, float], title: str
) -> None:
    """Write a picture of the slice with the largest tumour of some people, with both masks."""
    at = fullest_slices(truth)
    labels = [f"Dice {scores[truth.names[group]]:.2f}" for group in truth.groups[at]]
    explained = (
        f"{title} Held-out subjects; of each, the slice with the largest tumour. Green: the mask "
        "of the data set. Red: the mask of the network. Dice is over all slices of the subject."
    )
    with written_whole(path) as partial:
        sheet = draw_outlines(truth.images[at], truth.masks[at], found[at], labels, explained)
        sheet.save(partial)
