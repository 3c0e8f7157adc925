"""Named arrays in one `.npz` file."""

import io
from pathlib import Path

import numpy as np

from synaxial.io.errors import SynaxialError


class DamagedFileError(SynaxialError):
    """A file that can be read, but whose content is truncated, altered or something else."""


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of an `.npz` file, after their checksums are compared.

    Raises
    ------
    DamagedFileError
        The file is cut short, altered, no `.npz` file, or holds pickled objects.
    SynaxialError
        The file is absent.
    """
    try:
        content = io.BytesIO(path.read_bytes())
    except OSError as error:
        raise SynaxialError(path, f"cannot be read ({error})", "a .npz file") from error
    try:
        with np.load(content, allow_pickle=False) as file:
            return dict(file)
    # The content is in memory, so it is at fault: zipfile, zlib and NumPy raise almost anything.
    except Exception as error:
        raise DamagedFileError(path, "is damaged or no .npz file", "a whole .npz file") from error
