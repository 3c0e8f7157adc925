"""`synaxial study segment train`."""

import logging
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from synaxial.compute.devices import use_one_device
from synaxial.compute.machine import announce_machine, read_machine, usable_cores
from synaxial.compute.memory import keep_freed_memory
from synaxial.compute.parallel import use_threads
from synaxial.config import read_study
from synaxial.config.model import Segment
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_json, written_whole
from synaxial.studies.segment.dice import dice_of_people
from synaxial.studies.segment.held_out import check_unseen, describe_dataset, describe_held_out
from synaxial.studies.segment.pictures import draw_outlines, fullest_slices
from synaxial.studies.segment.records import PROTOCOL
from synaxial.studies.segment.sizes import NONE, check_size
from synaxial.studies.segment.slices import (
    KINDS,
    Slices,
    choose_people,
    read_generated,
    read_real,
)
from synaxial.studies.segment.training import segment, train

log = logging.getLogger(__name__)


def run(
    held_out: Annotated[
        Path, typer.Option(help="Folder of the subjects held out, with their masks.")
    ],
    output: Annotated[Path, typer.Option(help="The Dice coefficients, to write (.json).")],
    picture: Annotated[Path, typer.Option(help="Some segmented slices, to write (.png).")],
    kind: Annotated[str, typer.Option(help="real, synthetic or both.")] = "real",
    subjects: Annotated[
        str, typer.Option(help="People of the real slices: all, quarter, a number, or none.")
    ] = "all",
    seed: Annotated[int, typer.Option(min=0, help="Of this training.")] = 1,
    dataset: Annotated[
        Path | None, typer.Option(help="Folder of the subjects trained with, with their masks.")
    ] = None,
    stacks: Annotated[
        list[Path] | None, typer.Option(metavar="FILE...", help="Generated images with masks.")
    ] = None,
    experiment: Annotated[
        str | None, typer.Option(help="Of the stacks, as the page names it.")
    ] = None,
    config: Annotated[Path, typer.Option(help="The study; its section `segment`.")] = Path(
        "config.yaml"
    ),
    device: Annotated[str, typer.Option(help="auto, cpu or gpu.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Cores to use; all that there are by default.")
    ] = None,
    others: Annotated[list[Path] | None, typer.Argument(hidden=True, metavar="MORE")] = None,
) -> None:
    """Train one U-Net, and segment the subjects held out."""
    settings = read_study(config).segment
    paths = [*(stacks or []), *(others or [])]
    check_kind(kind, subjects, dataset, paths)
    if dataset is not None:
        check_unseen(held_out, dataset)
    truth = read_real(held_out)
    size = truth.images.shape[1]
    check_size(size, settings.channels)
    parts = {}
    if kind != "synthetic" and dataset is not None:
        parts["real"] = choose_people(checked_size(read_real(dataset), size), subjects, seed)
    if kind != "real":
        parts["synthetic"] = read_generated(paths, size)
    chosen = use_one_device(device)
    machine = read_machine(chosen)
    threads = usable_cores([machine]) if threads is None else threads
    announce_machine([machine], threads, "lower --threads")
    keep_freed_memory()
    started = time.monotonic()
    with use_threads(threads):
        network = train(list(parts.values()), settings, seed, chosen)
        seconds = time.monotonic() - started
        found = segment(network, truth.images, chosen)
    scores = dice_of_people(found, truth)
    if not scores:
        raise SynaxialError(held_out, "has no tumour in any slice", "subjects with one")
    result = {
        "protocol": PROTOCOL,
        "kind": kind,
        "subjects": subjects,
        "seed": seed,
        **describe_parts(parts),
        "training_set": describe_dataset(dataset) if "real" in parts and dataset else None,
        "experiment": experiment if "synthetic" in parts else None,
        **describe_budget(settings),
        "parameters": int(network.count_params()),
        "held_out": describe_held_out(held_out, truth, scores),
        "dice": scores,
    }
    write_json(output, result)
    at = fullest_slices(truth)
    with written_whole(picture) as partial:
        draw_outlines(
            truth.images[at],
            truth.masks[at],
            found[at],
            [f"Dice {scores[truth.names[group]]:.2f}" for group in truth.groups[at]],
            f"A U-Net trained with {KINDS[kind]} (real people: {subjects}), seed {seed}: of people "
            "held out, the slice with the largest tumour. Green: the data's mask; red: the "
            "network's. Dice is of all slices of the person.",
        ).save(partial)
    log.info(
        "%s: mean Dice %.3f of %d people, %d updates in %.0f s",
        *(output, np.mean(list(scores.values())), len(scores), settings.updates, seconds),
    )


def check_kind(kind: str, subjects: str, dataset: Path | None, stacks: list[Path]) -> None:
    """Raise a SynaxialError if what is given does not fit the kind."""
    if kind not in KINDS:
        raise SynaxialError("--kind", f"found {kind!r}", f"one of {', '.join(KINDS)}")
    if (kind == "synthetic") != (subjects == NONE):
        raise SynaxialError(
            "--subjects",
            f"found {subjects!r} with --kind {kind}",
            f"{NONE} with synthetic, and people with the others",
        )
    if kind != "synthetic" and dataset is None:
        raise SynaxialError("--dataset", "is missing", f"the real slices, for --kind {kind}")
    if kind != "real" and not stacks:
        raise SynaxialError("--stacks", "are missing", f"generated images, for --kind {kind}")


def checked_size(slices: Slices, size: int) -> Slices:
    """Return slices of this size.

    Raises
    ------
    SynaxialError
        They are of another one.
    """
    found = slices.images.shape[1]
    if found != size:
        raise SynaxialError("--dataset", f"has images of {found} pixels", f"{size}, as --held-out")
    return slices


def describe_parts(parts: dict[str, Slices]) -> dict[str, Any]:
    """Return how much there was to train with, and who made it."""
    real, synthetic = parts.get("real"), parts.get("synthetic")
    people = [] if real is None else [real.names[group] for group in np.unique(real.groups)]
    return {
        "people": people,
        "real_images": 0 if real is None else len(real),
        "synthetic_images": 0 if synthetic is None else len(synthetic),
        "generators": [] if synthetic is None else list(synthetic.generators),
    }


def describe_budget(settings: Segment) -> dict[str, Any]:
    """Return what must be the same in all trainings that are compared."""
    return {
        "updates": settings.updates,
        "batch_size": settings.batch_size,
        "images_seen": settings.updates * settings.batch_size,
        "channels": settings.channels,
        "learning_rate": settings.learning_rate,
    }
