"""A DICOM series as a NIfTI image, by dcm2niix.

dcm2niix knows what vendors write into headers, and unpacks all common transfer syntaxes. It sees
links with numbers for names in a folder of its own, so that its messages and its files have no
path of the export.
"""

import importlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from synaxial.data.dicom import NOT_INSTALLED
from synaxial.data.dicom.headers import read_dataset
from synaxial.data.dicom.privacy import PRIVATE, hide, private_parts
from synaxial.data.volumes.nifti import open_image
from synaxial.io.errors import BadVolumeError, SynaxialError

#: No defaults of the user's, no side files, no compression, no folders below.
OPTIONS = ("-g", "i", "-b", "n", "-z", "n", "-d", "0", "-f", "volume")


def find_dcm2niix() -> str:
    """Return the path of dcm2niix: of its Python package, or of the system.

    Raises
    ------
    SynaxialError
        There is none.
    """
    try:
        return str(importlib.import_module("dcm2niix").bin)
    except ImportError:
        found = shutil.which("dcm2niix")
    if found is None:
        raise SynaxialError("dcm2niix", *NOT_INSTALLED)
    return found


def convert(files: Sequence[Path], where: str) -> Any:
    """Return the files of one series as a NIfTI image with its voxels in memory.

    Parameters
    ----------
    files
        The files in the order of the slices.
    where
        The subject and the series, for messages.

    Raises
    ------
    BadVolumeError
        dcm2niix makes no volume of them, or several.
    """
    with tempfile.TemporaryDirectory(prefix="synaxial-") as name:
        series, made = Path(name, "series"), Path(name, "made")
        series.mkdir()
        made.mkdir()
        for number, file in enumerate(files):
            (series / f"{number:05d}.dcm").symlink_to(file.absolute())
        done = subprocess.run(
            [find_dcm2niix(), *OPTIONS, "-o", made, series],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        volumes = sorted(made.glob("*.nii"))
        if len(volumes) != 1 or done.returncode != 0:
            said = _errors_in(f"{done.stdout}\n{done.stderr}".replace(name, ""), files[0])
            raise BadVolumeError(
                where,
                f"dcm2niix made {len(volumes)} volumes of {len(files)} files, with status "
                f"{done.returncode}{said}",
                "one volume",
                "export the series again; if it is compressed, export it without compression",
            )
        image = open_image(volumes[0], where)
        # The file goes with its folder. Other fields of its header may have the time of the scan.
        voxels = np.asanyarray(image.dataobj)
        read = nibabel.Nifti1Image(voxels, image.affine)
        for kind in ("sform", "qform"):
            getattr(read, f"set_{kind}")(image.affine, int(image.header[f"{kind}_code"]))
        return read


def same_pixels(one: Path, other: Path) -> bool:
    """Tell whether two files have the same pixels, in the same transfer syntax."""
    try:
        first, second = (read_dataset(path) for path in (one, other))
    # The message of an error may have the value of an element; the kinds are countless.
    except Exception:
        return False
    return (
        first is not None
        and second is not None
        and first.get("PixelData") == second.get("PixelData") is not None
    )


def _errors_in(output: str, file: Path) -> str:
    """Return what dcm2niix said of errors, without private words; "" for nothing."""
    lines = [line.strip() for line in output.splitlines() if "error" in line.lower()]
    try:
        dataset = read_dataset(file, PRIVATE) if lines else None
    # The message of an error may have the value of an element; the kinds are countless.
    except Exception:
        return ""
    if dataset is None:
        return ""
    # The names are those of links, which the user does not have.
    said = re.sub(r"\S*?(\d{5})\.dcm", lambda name: f"file {int(name[1]) + 1} of them", lines[0])
    return f" ({hide(said, private_parts(dataset))})"
