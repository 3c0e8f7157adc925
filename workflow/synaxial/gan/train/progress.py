"""How far a training is, on the terminal."""

import sys
import time
from typing import Any

from synaxial.compute.chainer_compatibility import chainer

#: Seconds between reports: a bar that moves on a terminal, lines in a log.
TERMINAL_SECONDS, LOG_SECONDS = 0.5, 10.0

BAR_WIDTH = 24


class Progress(chainer.training.Extension):
    """Chainer extension that prints a bar, the pace and the time left, to standard error.

    Parameters
    ----------
    iterations
        How many the whole training has.
    """

    trigger = (1, "iteration")
    priority = chainer.training.PRIORITY_READER

    def __init__(self, iterations: int) -> None:
        self.iterations = iterations
        self.on_terminal = sys.stderr.isatty()
        self._entered = self._began = self._reported = 0.0
        self._first: int | None = None

    def initialize(self, trainer: Any) -> None:
        """Begin to count."""
        self._entered = self._reported = time.monotonic()

    def __call__(self, trainer: Any) -> None:
        """Report if it is time to."""
        now = time.monotonic()
        every = TERMINAL_SECONDS if self.on_terminal else LOG_SECONDS
        done = trainer.updater.iteration
        if self._first is None:
            # The pace is counted from here: the first iteration may have compiled.
            self._first, self._began = done, now
        if now - self._reported < every and done < self.iterations:
            return
        self._reported = now
        pace = (done - self._first) / max(now - self._began, 1e-9)
        if done == self._first:
            pace = 1 / max(now - self._entered, 1e-9)
        batch_size = trainer.updater.training.batch_size
        line = describe(done, self.iterations, trainer.updater.epoch_detail, pace, batch_size)
        end = "\r" if self.on_terminal and done < self.iterations else "\n"
        print(line, end=end, file=sys.stderr, flush=True)


def describe(done: int, of: int, epochs: float, pace: float, batch_size: int) -> str:
    """Return one line: a bar, what is done, images a second, and the time left.

    `pace` is in iterations a second.
    """
    filled = BAR_WIDTH * done // of
    bar = "#" * filled + "." * (BAR_WIDTH - filled)
    left = (of - done) / max(pace, 1e-9)
    return (
        f"training [{bar}] {done / of:4.0%}  iteration {done} of {of}, epoch {epochs:.1f}, "
        f"{pace * batch_size:.3g} images/s, {as_duration(left)} left"
    )


def as_duration(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds: 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
