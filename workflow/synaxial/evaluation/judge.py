"""`synaxial evaluate judge`: train a small network on slices of this study, for its features.

It is a second judge beside EfficientNet-Lite0, so that nothing is won by pleasing one network. It
is trained on the reference half of the held-out people. Every set, generated or real, is compared
with that half, and no other set has an image of its training: the real half is as new to it as
generated images are. Trained on all held-out people, it would know the real half, and the floor
would be too low for any generator. Trained on the training people, it would know copies.
"""

import logging
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from synaxial.compute.parallel import use_threads
from synaxial.config import read_study
from synaxial.data.dataset.reading import read_dataset
from synaxial.evaluation.controls import half_of
from synaxial.evaluation.features.judge import (
    LEVEL,
    TUMOUR,
    Network,
    prepare,
    tell,
    write_network,
)
from synaxial.evaluation.judge_record import JudgeRecord
from synaxial.evaluation.judge_training import Targets, train
from synaxial.evaluation.metrics.two_sample import area_under_curve
from synaxial.io.files import write_json, write_placeholder
from synaxial.io.images import ImageSet

#: Raise it when the results of this stage change.
VERSION = 2

#: The fewest people in a half. The slices of fewer do not show what a level looks like.
LEAST_PEOPLE = 4

UPDATES = 600

logger = logging.getLogger(__name__)


def run(
    held_out: Annotated[Path, typer.Option(help="Data set of the held-out subjects (folder).")],
    output: Annotated[Path, typer.Option(help="The judge to write (.npz); empty if left out.")],
    record: Annotated[Path, typer.Option(help="How well it predicts, to write (.json).")],
    config: Annotated[
        Path,
        typer.Option(help="The study; its section evaluate (seed)."),
    ] = Path("config.yaml"),
) -> None:
    """Train a small network on half of the held-out subjects, as a second judge of images.

    It learns the level of a slice and whether it shows tumour. `synaxial evaluate measure` takes
    its features. With fewer than eight people it is left out.

    \b
    Example: synaxial evaluate judge --held-out results/held_out
      --output results/controls/judge.npz --record results/controls/judge.json
    """
    began = time.monotonic()
    study = read_study(config)
    images, rows = read_dataset(held_out)
    people = len(np.unique(images.groups))
    if people < 2 * LEAST_PEOPLE:
        write_placeholder(output)
        reason = f"it needs {2 * LEAST_PEOPLE} held-out people or more, and there are {people}"
        write_json(record, JudgeRecord(left_out=reason).model_dump())
        logger.info("left out: %s", reason)
        return
    with use_threads(1):
        judge, known = make_judge(images, rows, study.evaluate.seed, UPDATES)
    write_network(output, judge)
    write_json(record, known.model_dump())
    logger.info("%s (%.0f s)", known.in_words(), time.monotonic() - began)


def make_judge(
    images: ImageSet,
    rows: list[dict[str, str]],
    seed: int,
    updates: int,
) -> tuple[Network, JudgeRecord]:
    """Train a judge on the reference half of the images, and test it on the other half.

    `rows` are those of the index.
    """
    halves = [half_of(images, which) for which in (0, 1)]
    taught, tested = (targets_of([rows[number] for number in half]) for half in halves)
    if taught.tumour is None or tested.tumour is None:
        taught = taught._replace(tumour=None)
    judge = train(prepare(images.pixels[halves[0]]), taught, updates, seed)
    found = tell(images.pixels[halves[1]], judge)
    apart = np.abs(found[:, LEVEL] - tested.level).mean()
    constant = np.abs(np.median(taught.level) - tested.level).mean()
    auc = None
    if taught.tumour is not None and tested.tumour is not None:
        scores = found[:, TUMOUR].astype(np.float64)
        auc = area_under_curve(scores, tested.tumour.astype(np.int64), np.ones(len(found)))
    people, tested_people = (len(np.unique(images.groups[half])) for half in halves)
    return judge, JudgeRecord(
        people=people,
        images=len(halves[0]),
        tested_people=tested_people,
        tested_images=len(halves[1]),
        level_error=float(apart),
        constant_error=float(constant),
        tumour_auc=auc,
    )


def targets_of(rows: list[dict[str, str]]) -> Targets:
    """Return what the judge must tell of the images of some rows of an index.

    Tumour is left out where a row does not know it, or all rows are alike.
    """
    level = np.array([float(row["level"]) for row in rows], np.float32)
    voxels = [row["tumour_voxels"] for row in rows]
    if not all(voxels):
        return Targets(level, None)
    tumour = np.array([int(count) > 0 for count in voxels])
    return Targets(level, tumour if len(np.unique(tumour)) == 2 else None)
