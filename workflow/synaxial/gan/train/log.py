"""The training log, one row per epoch, and the progress on the terminal."""

import csv
import io
import json
import sys
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

#: The columns of log.csv. Losses, scores and gradient norms are means over the epoch's iterations;
#: the generator's norm over those that updated it. Under SGD a norm includes weight decay.
#: Similarities are of pairs of images at the end of the epoch (`collapse.py`).
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

#: Seconds between reports of the progress: a moving bar on a terminal, or lines in a log.
TERMINAL_SECONDS, LOG_SECONDS = 0.5, 10.0

BAR_WIDTH = 24


class EpochLog(chainer.training.Extension):
    """Chainer extension that averages the observations of an epoch into a row.

    The rows are in the checkpoint, so that the log of a resumed training has no gap and no
    repetition. It also stops a training whose losses are not finite.

    The CSV file `path` is rewritten with every row; it is None on ranks that do not write. `images`
    are those of the data set, uint8 (N, width, width).
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
        """Start the clock."""
        self._since = time.monotonic()

    def __call__(self, trainer: Any) -> None:
        """Add one iteration; at the end of an epoch, write its row."""
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
            self._finish_epoch(updater, self.path)

    @cached_property
    def similarity_real(self) -> float:
        """The similarity of pairs of real images, the same in every epoch."""
        return similarity_of_some(self.images)

    def _finish_epoch(self, updater: Any, path: Path) -> None:
        before = self.rows[-1]["seconds"] if self.rows else 0.0
        images = self.iterations * updater.training.batch_size
        row: dict[str, Any] = {"epoch": updater.epoch, "iteration": updater.iteration}
        row |= {
            name: total / self.counts[name] if self.counts[name] else None
            for name, total in self.sums.items()
        }
        row["similarity_generated"] = similarity_of(preview_images(updater, self.training))
        row["similarity_real"] = self.similarity_real
        distances = {} if self.validation is None else dict(self.validation.distances)
        row["distance_held_out"] = distances.get(updater.epoch)
        row["images_per_second"] = images / max(self.seconds - before, 1e-9)
        row["seconds"] = self.seconds
        self.rows.append(row)
        self.sums, self.counts = dict.fromkeys(MEANS, 0.0), dict.fromkeys(MEANS, 0)
        self.iterations = 0
        write_text(path, as_csv(self.rows))
        warn_of_collapse(self.rows)

    def serialize(self, serializer: Any) -> None:
        """Write or read the rows and the sums of the current epoch."""
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
    """Return the rows as CSV: six significant digits, and an empty cell for None."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = [row[name] for name in COLUMNS]
        writer.writerow("" if value is None else format(value, ".6g") for value in values)
    return text.getvalue()


class Progress(chainer.training.Extension):
    """Chainer extension that prints a bar, the speed and the time left to standard error.

    `iterations` is the number of iterations of the whole training.
    """

    trigger = (1, "iteration")
    priority = chainer.training.PRIORITY_READER

    def __init__(self, iterations: int) -> None:
        self.iterations = iterations
        self.on_terminal = sys.stderr.isatty()
        self._entered = self._began = self._reported = 0.0
        self._first: int | None = None

    def initialize(self, trainer: Any) -> None:
        """Start the clock."""
        self._entered = self._reported = time.monotonic()

    def __call__(self, trainer: Any) -> None:
        """Print a line if it is due."""
        now = time.monotonic()
        every = TERMINAL_SECONDS if self.on_terminal else LOG_SECONDS
        done = trainer.updater.iteration
        if self._first is None:
            # The speed is measured from here: the first iteration may have compiled code.
            self._first, self._began = done, now
        if now - self._reported < every and done < self.iterations:
            return
        self._reported = now
        speed = (done - self._first) / max(now - self._began, 1e-9)
        if done == self._first:
            speed = 1 / max(now - self._entered, 1e-9)
        batch_size = trainer.updater.training.batch_size
        line = describe(done, self.iterations, trainer.updater.epoch_detail, speed, batch_size)
        end = "\r" if self.on_terminal and done < self.iterations else "\n"
        print(line, end=end, file=sys.stderr, flush=True)


def describe(done: int, of: int, epochs: float, speed: float, batch_size: int) -> str:
    """Return one line: a bar, the part that is done, images per second, and the time left.

    `speed` is in iterations a second.
    """
    filled = BAR_WIDTH * done // of
    bar = "#" * filled + "." * (BAR_WIDTH - filled)
    left = (of - done) / max(speed, 1e-9)
    return (
        f"training [{bar}] {done / of:4.0%}  iteration {done} of {of}, epoch {epochs:.1f}, "
        f"{speed * batch_size:.3g} images/s, {as_duration(left)} left"
    )


def as_duration(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds: 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
