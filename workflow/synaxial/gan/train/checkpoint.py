"""Checkpoints: written whole, the newest kept, a damaged one passed over."""

import logging
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.io.arrays import DamagedFileError, read_arrays
from synaxial.io.errors import SynaxialError
from synaxial.io.files import PARTIAL_PREFIX, written_whole
from synaxial.io.locks import take_lock

log = logging.getLogger(__name__)

#: Where a checkpoint names the model that it belongs to.
FINGERPRINT_KEY = "fingerprint"


@contextmanager
def _held(lock: IO[str]) -> Iterator[None]:
    with lock:
        yield


def held_folder(folder: Path) -> AbstractContextManager[None]:
    """Take a folder of checkpoints for this training alone, until the context ends.

    The lock goes with the process, however that ends. What a killed process left half-written
    is deleted.

    Raises
    ------
    SynaxialError
        Another training is at work in the folder.
    """
    try:
        lock = take_lock(folder / "lock")
    except BlockingIOError as error:
        raise SynaxialError(
            folder, "another training of this model is running", "one at a time"
        ) from error
    for rest in folder.glob(f"{PARTIAL_PREFIX}*"):
        rest.unlink()
    return _held(lock)


def checkpoint_path(folder: Path, iteration: int) -> Path:
    """Return the name of the checkpoint after so many iterations."""
    return folder / f"iteration_{iteration:09d}.npz"


def find_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the newest first."""
    found = [p for p in folder.glob("iteration_*.npz") if re.fullmatch(r"\w+_\d{9}\.npz", p.name)]
    return sorted(found, reverse=True)


def save_checkpoint(trainer: Any, folder: Path, fingerprint: str, kept: int) -> Path:
    """Write all that the rest of a training depends on, then delete all but the newest `kept`.

    Raises
    ------
    OSError
        The disk is full or fails; the older checkpoints are untouched.
    SynaxialError
        The state has values that are no numbers; nothing is written.
    """
    serializer = chainer.serializers.DictionarySerializer()
    serializer.save(trainer)
    iteration = trainer.updater.iteration
    check_arrays_finite(serializer.target, iteration)
    path = checkpoint_path(folder, iteration)
    with written_whole(path) as partial:
        np.savez(
            partial,
            allow_pickle=False,
            **{FINGERPRINT_KEY: np.array(fingerprint)},
            **{name: np.asarray(array) for name, array in serializer.target.items()},
        )
    # Later ones, of a training that was longer, are not this one's to delete.
    for old in [p for p in find_checkpoints(folder) if p.name <= path.name][kept:]:
        old.unlink()
    return path


def check_arrays_finite(arrays: dict[str, np.ndarray], iteration: int) -> None:
    """Raise a SynaxialError if an array has a NaN or an infinity."""
    for name, array in arrays.items():
        if np.asarray(array).dtype.kind == "f" and not np.isfinite(array).all():
            raise SynaxialError(
                f"iteration {iteration}",
                f"{name.rsplit(':', 1)[-1]} has values that are no numbers",
                "finite weights",
                "lower optimizer.learning_rate, or use a loss with a bound such as hinge",
            )


def read_newest_checkpoint(
    folder: Path, fingerprint: str, last_iteration: int
) -> dict[str, np.ndarray] | None:
    """Read the newest checkpoint that is whole; None if there is none.

    Those after `last_iteration`, the training's end, are of a longer training and left alone.
    A damaged one is renamed, with `.damaged` at its end, and a warning tells of it.

    Raises
    ------
    SynaxialError
        The checkpoint belongs to another model, or the disk does not give it.
    """
    end = checkpoint_path(folder, last_iteration)
    for path in [p for p in find_checkpoints(folder) if p.name <= end.name]:
        try:
            arrays = read_arrays(path)
        except DamagedFileError as error:
            log.warning("passing over a damaged checkpoint: %s", error)
            # Or it would count as one of the newest, in the place of a whole one.
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
