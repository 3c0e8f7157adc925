"""When a training stops: after its last iteration, on a signal, or before its time limit."""

import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from synaxial.io.errors import SharedError, SynaxialError

#: What a scheduler sends before it kills a job, and what a user sends by Ctrl-C.
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)

#: The least part of the time budget that is reserved for the last checkpoint, in seconds.
LEAST_MARGIN_SECONDS = 30.0

#: What to do about a training that diverges.
LOWER_THE_RATE = "lower optimizer.learning_rate, or use a bounded loss such as hinge"


class Stop:
    """Chainer's stop trigger: whether to stop before the next iteration.

    All ranks get the same answer: a signal to one of them stops all.

    The process may run `budget_seconds`, infinite without a limit, from `started` on, a time of
    `time.monotonic()`. `exhausted` returns whether the training has stopped improving; one rank's
    True stops all. `reason` says why the training has stopped before its end.
    """

    def __init__(
        self, iterations: int, budget_seconds: float, started: float, communicator: Any
    ) -> None:
        self.iterations = iterations
        self.deadline = started + budget_seconds
        self.communicator = communicator
        self.received: int | None = None
        self.longest_iteration = 0.0
        self.longest_checkpoint = 0.0
        self.reason: str | None = None
        self.exhausted: Callable[[], bool] = lambda: False
        self._first_iteration: int | None = None
        self._last_call = started

    def listen(self) -> None:
        """From now on, a signal stops the training after the current iteration."""
        for number in SIGNALS:
            signal.signal(number, self._receive)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        # A second signal changes nothing. A terminal or a scheduler signals both the ranks and
        # mpiexec, which passes the signal on, so that the ranks receive it twice.
        self.received = number

    def __call__(self, trainer: Any) -> bool:
        """Return whether the training stops here; `reason` says why if it is not finished."""
        from mpi4py import MPI  # noqa: PLC0415

        now, iteration = time.monotonic(), trainer.updater.iteration
        if self._first_iteration is None:
            self._first_iteration = iteration
        elif iteration > self._first_iteration:
            self.longest_iteration = max(self.longest_iteration, now - self._last_call)
        self._last_call = now
        if iteration >= self.iterations:
            return True
        margin = max(LEAST_MARGIN_SECONDS, 2 * (self.longest_iteration + self.longest_checkpoint))
        # Even a budget that is too short allows one iteration, or retries would never end.
        used_up = iteration > self._first_iteration and now + margin >= self.deadline
        wish = np.array([self.received or 0, used_up, self.exhausted()], dtype=np.int64)
        of_all = np.empty_like(wish)
        self.communicator.mpi_comm.Allreduce(wish, of_all, op=MPI.MAX)
        if of_all[2]:
            return True
        if of_all[0]:
            self.reason = f"received {signal.Signals(int(of_all[0])).name}"
        elif of_all[1]:
            self.reason = "the time budget is almost used up"
        return self.reason is not None


def check_finite(observed: dict[str, float], iteration: int) -> None:
    """Raise a SharedError if a loss or score is NaN or infinite; all ranks have the same values."""
    for name, value in observed.items():
        if not np.isfinite(value):
            mistake = SynaxialError(
                f"iteration {iteration}",
                f"{name} is {value}",
                "a finite number",
                f"{LOWER_THE_RATE}; earlier checkpoints are kept",
            )
            raise SharedError(mistake)
