"""When a training ends: when it is done, when it is asked to, or before its time is up."""

import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from synaxial.io.errors import SharedError, SynaxialError

#: What a job gets before it is killed, and what a scheduler or a user (Ctrl-C) sends on purpose.
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)

#: The least time kept back from the time budget for the last checkpoint, in seconds.
LEAST_MARGIN_SECONDS = 30.0


class Stop:
    """Chainer's stop trigger: it tells before each iteration whether to go on.

    All ranks give the same answer: one rank that was asked to stop is enough.

    Parameters
    ----------
    epochs
        How many epochs the training has.
    budget_seconds
        How long this process may run, from `started`; infinite without a limit.
    started
        `time.monotonic()` when the process began.
    communicator
        ChainerMN's.
    """

    def __init__(
        self, epochs: int, budget_seconds: float, started: float, communicator: Any
    ) -> None:
        self.epochs = epochs
        self.deadline = started + budget_seconds
        self.communicator = communicator
        self.received: int | None = None
        self.longest_iteration = 0.0
        self.longest_checkpoint = 0.0
        self.reason: str | None = None
        #: Whether nothing better is to be expected; asked on every rank, one is enough.
        self.exhausted: Callable[[], bool] = lambda: False
        self._first_iteration: int | None = None
        self._last_call = started

    def listen(self) -> None:
        """From now on take the signals as a wish to stop, in place of dying at once."""
        for number in SIGNALS:
            signal.signal(number, self._receive)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        # A second one changes nothing: a terminal or a scheduler signals the ranks and mpiexec,
        # which passes it on to the ranks, so they get it twice, and must not die of that.
        self.received = number

    def __call__(self, trainer: Any) -> bool:
        """Tell whether the training ends here; `reason` says why if it is not done."""
        now, iteration = time.monotonic(), trainer.updater.iteration
        if self._first_iteration is None:
            self._first_iteration = iteration
        elif iteration > self._first_iteration:
            self.longest_iteration = max(self.longest_iteration, now - self._last_call)
        self._last_call = now
        if trainer.updater.epoch >= self.epochs:
            return True
        margin = max(LEAST_MARGIN_SECONDS, 2 * (self.longest_iteration + self.longest_checkpoint))
        # A budget that is too short still gets one iteration, or retries would never end.
        used_up = iteration > self._first_iteration and now + margin >= self.deadline
        wish = np.array([self.received or 0, used_up, self.exhausted()], dtype=np.int64)
        of_all = np.empty_like(wish)
        self.communicator.mpi_comm.Allreduce(wish, of_all, op=_maximum())
        if of_all[2]:
            return True
        if of_all[0]:
            self.reason = f"received {signal.Signals(int(of_all[0])).name}"
        elif of_all[1]:
            self.reason = "the time budget is almost used up"
        return self.reason is not None


def check_finite(observed: dict[str, float], iteration: int) -> None:
    """Stop a training whose losses or scores are no longer numbers.

    Raises
    ------
    SharedError
        A value is NaN or infinite; it is the same on all ranks.
    """
    for name, value in observed.items():
        if not np.isfinite(value):
            mistake = SynaxialError(
                f"iteration {iteration}",
                f"{name} is {value}",
                "a finite number",
                "lower optimizer.learning_rate, or use a loss with a bound such as hinge; "
                "the checkpoints before it are kept",
            )
            raise SharedError(mistake)


def _maximum() -> Any:
    from mpi4py import MPI  # noqa: PLC0415

    return MPI.MAX
