"""Checkpoints: written whole, the newest kept, a damaged one passed over."""

import logging
import re
from pathlib import Path
from typing import Any

import numpy as np

from synaxial.chainer_compatibility import chainer
from synaxial.errors import SynaxialError
from synaxial.files import written_whole
from synaxial.networks.saving import read_arrays

log = logging.getLogger(__name__)

#: Where a checkpoint names the model that it belongs to.
FINGERPRINT_KEY = "fingerprint"


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
    """
    serializer = chainer.serializers.DictionarySerializer()
    serializer.save(trainer)
    path = checkpoint_path(folder, trainer.updater.iteration)
    with written_whole(path) as partial:
        np.savez(
            partial,
            allow_pickle=False,
            **{FINGERPRINT_KEY: np.array(fingerprint)},
            **{name: np.asarray(array) for name, array in serializer.target.items()},
        )
    for old in find_checkpoints(folder)[kept:]:
        old.unlink()
    return path


def read_newest_checkpoint(folder: Path, fingerprint: str) -> dict[str, np.ndarray] | None:
    """Read the newest checkpoint that is whole; None if there is none.

    A damaged one is renamed, with `.damaged` at its end, and a warning tells of it.

    Raises
    ------
    SynaxialError
        The checkpoint belongs to another model, or the disk does not give it.
    """
    for path in find_checkpoints(folder):
        try:
            arrays = read_arrays(path)
        except SynaxialError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno is not None:
                # The disk's fault, not the file's: it may be whole.
                raise
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
