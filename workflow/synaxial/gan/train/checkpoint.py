"""Checkpoints: written whole, the newest kept, damaged ones skipped.

The state is the same on all ranks, so rank 0 writes one file and no rank waits for another.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Monitoring
from synaxial.gan.train.stopping import LOWER_THE_RATE, Stop
from synaxial.io.arrays import DamagedFileError, read_arrays
from synaxial.io.errors import SynaxialError
from synaxial.io.files import PARTIAL_PREFIX, take_lock, written_whole

log = logging.getLogger(__name__)

#: The name under which a checkpoint holds its model's fingerprint.
FINGERPRINT_KEY = "fingerprint"


class RegularCheckpoints(chainer.training.Extension):
    """Chainer extension that writes a checkpoint every few minutes, and times them for `stop`."""

    trigger = (1, "iteration")
    # After the log and the previews, so that the checkpoint has what they did in this iteration.
    priority = chainer.training.PRIORITY_READER - 1

    def __init__(self, folder: Path, fingerprint: str, monitoring: Monitoring, stop: Stop) -> None:
        self.folder = folder
        self.fingerprint = fingerprint
        self.monitoring = monitoring
        self.stop = stop
        self._last = time.monotonic()

    def __call__(self, trainer: Any) -> None:
        """Write a checkpoint if it is due."""
        began = time.monotonic()
        if began - self._last < 60 * self.monitoring.checkpoint_minutes:
            return
        save_checkpoint(trainer, self.folder, self.fingerprint, self.monitoring.checkpoints_kept)
        self._last = time.monotonic()
        self.stop.longest_checkpoint = max(self.stop.longest_checkpoint, self._last - began)


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Reserve a folder of checkpoints for this training, until the context or the process ends.

    Files that a killed process has left half-written are deleted.
    """
    try:
        lock = take_lock(folder / "lock")
    except BlockingIOError as error:
        raise SynaxialError(
            folder, "another training of this model is running", "one at a time"
        ) from error
    with lock:
        for rest in folder.glob(f"{PARTIAL_PREFIX}*"):
            rest.unlink()
        yield


def checkpoint_path(folder: Path, iteration: int) -> Path:
    """Return the path of the checkpoint after an iteration."""
    return folder / f"iteration_{iteration:09d}.npz"


def find_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the newest first."""
    return sorted(folder.glob(f"iteration_{9 * '[0-9]'}.npz"), reverse=True)


def save_checkpoint(trainer: Any, folder: Path, fingerprint: str, kept: int) -> Path:
    """Write everything that the rest of a training depends on; delete all but the newest `kept`.

    If the disk is full or a value is not finite, it raises an error, and the older ones remain.
    """
    serializer = chainer.serializers.DictionarySerializer()
    serializer.save(trainer)
    iteration = trainer.updater.iteration
    for name, array in serializer.target.items():
        if np.asarray(array).dtype.kind == "f" and not np.isfinite(array).all():
            raise SynaxialError(
                f"iteration {iteration}",
                f"{name.rsplit(':', 1)[-1]} has NaN or infinite values",
                "finite weights",
                LOWER_THE_RATE,
            )
    path = checkpoint_path(folder, iteration)
    with written_whole(path) as partial:
        np.savez(
            partial,
            allow_pickle=False,
            **{FINGERPRINT_KEY: np.array(fingerprint)},
            **{name: np.asarray(array) for name, array in serializer.target.items()},
        )
    # Checkpoints after this one belong to a longer training, and stay.
    for old in [p for p in find_checkpoints(folder) if p.name <= path.name][kept:]:
        old.unlink()
    return path


def read_newest_checkpoint(
    folder: Path, fingerprint: str, last_iteration: int
) -> dict[str, np.ndarray] | None:
    """Read the newest checkpoint up to `last_iteration`; None if there is none.

    Later ones belong to a longer training. A damaged one is renamed to `.damaged`, with a warning.
    """
    end = checkpoint_path(folder, last_iteration)
    for path in [p for p in find_checkpoints(folder) if p.name <= end.name]:
        try:
            arrays = read_arrays(path)
        except DamagedFileError as error:
            log.warning("skipping a damaged checkpoint: %s", error)
            # Under its old name it would count as one of the newest, in place of a whole one.
            path.rename(path.with_name(path.name + ".damaged"))
            continue
        found = str(arrays.pop(FINGERPRINT_KEY, np.array("none")))
        if found != fingerprint:
            raise SynaxialError(
                path,
                f"belongs to the model {found}",
                f"the model {fingerprint}",
                "move it away, or give another folder for checkpoints",
            )
        log.info("resuming from %s", path)
        return arrays
    return None


def restore(trainer: Any, arrays: dict[str, np.ndarray]) -> None:
    """Put a training into the state of a checkpoint."""
    chainer.serializers.NpzDeserializer(arrays).load(trainer)
