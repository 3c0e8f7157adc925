"""The training log: one row an epoch."""

import csv
import io
import json
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Training
from synaxial.gan.train.collapse import similarity_of, similarity_of_some, warn_of_collapse
from synaxial.gan.train.previews import preview_images
from synaxial.gan.train.stopping import check_finite
from synaxial.gan.train.updater import OBSERVED, gradient_norm
from synaxial.gan.train.validation import Validation
from synaxial.io.files import write_text

#: The columns of log.csv. Losses, scores and norms are means over the epoch's iterations, a norm
#: over those that updated the network; it is that of the gradient, under SGD with the weight decay.
#: Similarities are those of pairs of images at the epoch's end (`collapse.py`).
COLUMNS = (
    "epoch",
    "iteration",
    *OBSERVED,
    "gradient_norm_generator",
    "gradient_norm_discriminator",
    "similarity_generated",
    "similarity_real",
    "distance_held_out",
    "images_per_second",
    "seconds",
)

MEANS = (*OBSERVED, "gradient_norm_generator", "gradient_norm_discriminator")


class EpochLog(chainer.training.Extension):
    """Chainer extension that averages what the iterations observe and keeps a row an epoch.

    The rows are in the checkpoint, so that a resumed training's log has no gap and no repeat.
    It also stops a training whose losses are no numbers.

    Parameters
    ----------
    path
        The CSV file, rewritten whole with every row; None on the ranks that do not write.
    training
        The experiment's settings.
    images
        The dataset, uint8 (N, S, S).
    validation
        The extension that looks at held-out subjects, if the training does.
    """

    trigger = (1, "iteration")
    priority = chainer.training.PRIORITY_EDITOR

    def __init__(
        self,
        path: Path | None,
        training: Training,
        images: np.ndarray,
        validation: Validation | None = None,
    ) -> None:
        self.validation = validation
        self.path = path
        self.training = training
        self.images = images
        self.rows: list[dict[str, Any]] = []
        self.sums, self.counts = dict.fromkeys(MEANS, 0.0), dict.fromkeys(MEANS, 0)
        self.iterations = 0
        self.seconds = 0.0
        self._since = time.monotonic()

    def initialize(self, _trainer: Any) -> None:
        """Begin to count the time."""
        self._since = time.monotonic()

    def __call__(self, trainer: Any) -> None:
        """Take in one iteration; at an epoch's end, write its row."""
        updater = trainer.updater
        check_finite(updater.observed, updater.iteration)
        now = time.monotonic()
        self.seconds += now - self._since
        self._since = now
        if self.path is None:
            return
        values = dict(updater.observed)
        for name in updater.updated:
            values[f"gradient_norm_{name}"] = gradient_norm(updater.get_optimizer(name).target)
        for name, value in values.items():
            self.sums[name] += value
            self.counts[name] += 1
        self.iterations += 1
        if updater.is_new_epoch:
            self._finish_epoch(updater)

    @cached_property
    def similarity_real(self) -> float:
        """The similarity of pairs of real images: the same in every epoch."""
        return similarity_of_some(self.images)

    def _finish_epoch(self, updater: Any) -> None:
        before = self.rows[-1]["seconds"] if self.rows else 0.0
        images = self.iterations * updater.training.batch_size
        row: dict[str, Any] = {"epoch": updater.epoch, "iteration": updater.iteration}
        row |= {
            name: total / self.counts[name] if self.counts[name] else None
            for name, total in self.sums.items()
        }
        row["similarity_generated"] = similarity_of(preview_images(updater, self.training))
        row["similarity_real"] = self.similarity_real
        row["distance_held_out"] = (
            None if self.validation is None else self.validation.distance_at(updater.epoch)
        )
        row["images_per_second"] = images / max(self.seconds - before, 1e-9)
        row["seconds"] = self.seconds
        self.rows.append(row)
        self.sums, self.counts = dict.fromkeys(MEANS, 0.0), dict.fromkeys(MEANS, 0)
        self.iterations = 0
        if self.path is not None:
            write_text(self.path, as_csv(self.rows))
        warn_of_collapse(self.rows)

    def serialize(self, serializer: Any) -> None:
        """Write or read the rows and the sums of the epoch in progress."""
        state = {
            "rows": self.rows,
            "sums": self.sums,
            "counts": self.counts,
            "iterations": self.iterations,
            "seconds": self.seconds,
        }
        state = json.loads(str(serializer("state", json.dumps(state))))
        self.rows, self.sums, self.counts = state["rows"], state["sums"], state["counts"]
        self.iterations, self.seconds = state["iterations"], state["seconds"]


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Return the rows under the heading; six significant digits, and nothing for None."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_as_text(row[name]) for name in COLUMNS] for row in rows)
    return text.getvalue()


def _as_text(value: float | None) -> str:
    return "" if value is None else format(value, ".6g")
