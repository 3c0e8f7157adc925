"""The training log, one row per epoch, and the progress on the terminal."""

import csv
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Training
from synaxial.gan.train.collapse import similarity_of, similarity_of_some, warn_of_collapse
from synaxial.gan.train.previews import preview_images
from synaxial.gan.train.stopping import check_finite
from synaxial.gan.train.updater import OBSERVED, gradient_norm
from synaxial.gan.train.upsampling import OBSERVED as OBSERVED_OF_UPSAMPLER
from synaxial.gan.train.validation import Validation
from synaxial.io.files import write_text

NORMS = ("gradient_norm_generator", "gradient_norm_discriminator")

#: What the images at the end of an epoch are like: the similarity of their pairs (`collapse.py`),
#: beside that of real ones, and their distance to those of held-out subjects.
COMPARISONS = ("similarity_generated", "similarity_real", "distance_held_out")


def columns_of(means: tuple[str, ...], comparisons: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns of log.csv.

    Losses, scores and gradient norms are means over the epoch's iterations; the generator's norm
    over those that updated it. Under SGD a norm includes weight decay.
    """
    return ("epoch", "iteration", *means, *comparisons, "images_per_second", "seconds")


#: The columns of a generator's log, and of an up-sampler's, which are compared pixel by pixel.
COLUMNS = columns_of((*OBSERVED, *NORMS), COMPARISONS)
UPSAMPLER_COLUMNS = columns_of((*OBSERVED_OF_UPSAMPLER, *NORMS), ())

#: All columns that are means over an epoch.
MEANS = {*OBSERVED, *OBSERVED_OF_UPSAMPLER, *NORMS}

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
        columns: tuple[str, ...] = COLUMNS,
    ) -> None:
        self.validation = validation
        self.path = path
        self.training = training
        self.images = images
        self.columns = columns
        #: By the width of the generated images, which grows in a coarse training.
        self.similarities_real: dict[int, float] = {}
        self.means = [name for name in columns if name in MEANS]
        self.rows: list[dict[str, Any]] = []
        self._clear()
        self.seconds = 0.0
        self._since = time.monotonic()

    def _clear(self) -> None:
        self.sums, self.counts = dict.fromkeys(self.means, 0.0), dict.fromkeys(self.means, 0)
        self.iterations = 0

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

    @property
    def compares(self) -> bool:
        """Whether the log compares the images of an epoch with real ones."""
        return COMPARISONS[0] in self.columns

    def _comparisons(self, updater: Any) -> dict[str, float | None]:
        """Return the values of `COMPARISONS`."""
        images = preview_images(updater.networks.smoothed, self.training)
        width = images.shape[1]
        if width not in self.similarities_real:
            self.similarities_real[width] = similarity_of_some(self.images, width)
        distances = {} if self.validation is None else dict(self.validation.distances)
        return {
            "similarity_generated": similarity_of(images),
            "similarity_real": self.similarities_real[width],
            "distance_held_out": distances.get(updater.epoch),
        }

    def _finish_epoch(self, updater: Any, path: Path) -> None:
        before = self.rows[-1]["seconds"] if self.rows else 0.0
        images = self.iterations * updater.get_iterator("main").batch_size
        row: dict[str, Any] = {"epoch": updater.epoch, "iteration": updater.iteration}
        row |= {
            name: total / self.counts[name] if self.counts[name] else None
            for name, total in self.sums.items()
        }
        if self.compares:
            row |= self._comparisons(updater)
        row["images_per_second"] = images / max(self.seconds - before, 1e-9)
        row["seconds"] = self.seconds
        self.rows.append(row)
        self._clear()
        write_text(path, as_csv(self.rows, self.columns))
        if self.compares:
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


def as_csv(rows: list[dict[str, Any]], columns: tuple[str, ...] = COLUMNS) -> str:
    """Return the rows as CSV: six significant digits, and an empty cell for None."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        values = [row[name] for name in columns]
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
        batch_size = trainer.updater.get_iterator("main").batch_size
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
