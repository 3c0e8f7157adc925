"""Named arrays in one file, of which nothing is believed before it is checked."""

import io
from pathlib import Path

import numpy as np

from synaxial.io.errors import SynaxialError

#: Packed arrays of ours, counts of patches above all, unpack to twenty times their size at most;
#: what unpacks to much more is not ours, but made to fill the memory.
MOST_TIMES_LARGER = 200
LEAST_BYTES = 100_000

#: What every `.npz` file begins with.
ZIP = b"PK"


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read every array of an `.npz`, each held against its checksum in the file.

    Raises
    ------
    SynaxialError
        The file is absent, cut short, altered, or holds pickled objects.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SynaxialError(path, f"cannot be read ({error})", "a .npz file") from error
    if not content.startswith(ZIP):
        raise DamagedFileError(path, "is no .npz file, or cut short", "a whole .npz file")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            unpacked = sum(member.file_size for member in file.zip.infolist())
            if unpacked > MOST_TIMES_LARGER * max(len(content), LEAST_BYTES):
                raise ValueError(f"it would unpack to {unpacked} bytes")
            return {name: file[name] for name in file.files}
    # In memory, whatever fails is the content's fault, and a changed byte of a zip can make
    # zipfile, zlib and NumPy raise almost anything.
    except Exception as error:
        # NumPy's own words on pickled objects are advice to open them.
        cause = "it holds pickled objects" if "pickle" in str(error) else str(error)
        raise DamagedFileError(path, f"is damaged ({cause})", "a whole .npz file") from error


class DamagedFileError(SynaxialError):
    """A file that can be read, but whose content is cut short, altered or something else."""
