"""Exported files as other readers see them: ITK, of 3D Slicer and ITK-SNAP, and dcmtk.

ITK's coordinates run to the patient's left, to posterior and to superior, in mm.
"""

import shutil
import subprocess

import numpy as np
import pytest
import SimpleITK
from PIL import Image

from synaxial.gan.rendering import compressed, make_volume
from synaxial.studies.catalogue.dicom import write_dicom

from .catalogue.conftest import required

#: A pixel at the front of the patient's left, which is on the right of the picture, of 3.75 mm.
ROW, COLUMN, PIXEL = 10, 50, 3.75
ORIGIN = {
    **{"experiment": "small", "seed": 1, "generator": "ab" * 32, "stack": 2},
    **{"image": 4, "sample_seed": 7, "sha256": "cd" * 32},
}
STRAIGHT = (1, 0, 0, 0, 1, 0, 0, 0, 1)


def pages():
    found = np.full((3, 64, 64), 5, np.uint8)
    found[1, ROW, COLUMN] = 200
    return found


def test_a_head_as_a_volume(tmp_path):
    (tmp_path / "head.nii.gz").write_bytes(compressed(make_volume(pages(), PIXEL, 60)))
    volume = SimpleITK.ReadImage(str(tmp_path / "head.nii.gz"))
    assert volume.GetSpacing() == (PIXEL, PIXEL, 1)
    assert volume.GetDirection() == pytest.approx(STRAIGHT)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(volume), pages())
    left, posterior, superior = volume.TransformIndexToPhysicalPoint((COLUMN, ROW, 1))
    middle = volume.TransformContinuousIndexToPhysicalPoint((31.5, 31.5, 0))
    assert (left - middle[0], posterior - middle[1]) == pytest.approx(
        ((COLUMN - 31.5) * PIXEL, (ROW - 31.5) * PIXEL)
    )
    assert superior == 61


def test_an_image_as_dicom(tmp_path):
    write_dicom(tmp_path / "image.dcm", pages()[1], ORIGIN, PIXEL)
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(tmp_path / "image.dcm"))
    image = reader.Execute()
    assert image.GetSpacing()[:2] == (PIXEL, PIXEL)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image)[0], pages()[1])
    known = {key: reader.GetMetaData(key).strip() for key in reader.GetMetaDataKeys()}
    # Rows run to the patient's left, columns to posterior.
    assert known["0020|0020"] == "L\\P"
    assert (known["0028|1050"], known["0028|1051"]) == ("128", "256")


def test_an_image_as_dcmtk_shows_it(tmp_path):
    if shutil.which("dcm2pnm") is None:
        required("dcm2pnm is not installed (Debian: apt install dcmtk)")
    write_dicom(tmp_path / "image.dcm", pages()[1], ORIGIN, PIXEL)

    def run(*words):
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout

    # Through the first window of the file.
    run("dcm2pnm", "+Wi", "1", tmp_path / "image.dcm", tmp_path / "image.pgm")
    with Image.open(tmp_path / "image.pgm") as shown:
        np.testing.assert_array_equal(np.asarray(shown), pages()[1])
    dump = run("dcmdump", "+L", tmp_path / "image.dcm")
    names = ("PatientOrientation", "NominalScannedPixelSpacing", "WindowCenter", "WindowWidth")
    values = (r"[L\P]", rf"[{PIXEL}\{PIXEL}]", "[128]", "[256]")
    for name, value in zip(names, values, strict=True):
        (line,) = (line for line in dump.splitlines() if line.endswith(name))
        assert value in line
