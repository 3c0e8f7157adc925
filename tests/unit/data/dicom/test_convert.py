"""dcm2niix on made series: sides, forms of series, and what fails."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
from nibabel.affines import apply_affine
from pydicom import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from synaxial.config.model import VolumeCheck
from synaxial.data.dicom import convert as module
from synaxial.data.dicom.convert import convert, find_dcm2niix, same_pixels
from synaxial.data.volumes.canonical import make_canonical
from synaxial.io.errors import BadVolumeError, SynaxialError

from ...studies.catalogue.conftest import required
from ..exports import SECRETS, make_scan, write_multi_frame, write_series

ANY = VolumeCheck(shape=None, spacing=None)


#: Programs of dcmtk that compress a file in place.
DCMTK = {JPEGLosslessSV1: ("dcmcjpeg", "+e1"), JPEGLSLossless: ("dcmcjpls",)}

#: ITK writes files with its own header. It changes the locale of its process.
ITK = """
import sys, SimpleITK
writer = SimpleITK.ImageFileWriter()
writer.SetImageIO("GDCMImageIO")
writer.UseCompressionOn()
writer.SetCompressor("JPEG2000")
for file in sys.argv[1:]:
    writer.SetFileName(f"{file}.packed")
    writer.Execute(SimpleITK.ReadImage(file))
"""


def compress(files: list[Path], syntax: str) -> None:
    """Compress the pixels of files, by dcmtk or ITK; the headers stay."""
    if syntax == JPEG2000Lossless:
        subprocess.run([sys.executable, "-c", ITK, *files], check=True, timeout=120)
        for file in files:
            packed = dcmread(f"{file}.packed")
            image = dcmread(file)
            image["PixelData"] = packed["PixelData"]
            image.file_meta.TransferSyntaxUID = packed.file_meta.TransferSyntaxUID
            image.save_as(file)
        return
    program, *options = DCMTK[syntax]
    if shutil.which(program) is None:
        required(f"{program} is not installed (Debian: apt install dcmtk)")
    for file in files:
        subprocess.run([program, *options, file, file], check=True, timeout=60)


@pytest.mark.parametrize("frames", [False, True], ids=["slices", "frames"])
@pytest.mark.parametrize("syntax", [*DCMTK, JPEG2000Lossless])
def test_each_common_compression_is_read(tmp_path: Path, syntax: str, frames: bool) -> None:
    files = [write_multi_frame(tmp_path / "a.dcm")] if frames else write_series(tmp_path)
    compress(files, syntax)
    assert {dcmread(file).file_meta.TransferSyntaxUID for file in files} == {syntax}
    volume = make_canonical(convert(files, "a"), ANY, "a")
    np.testing.assert_array_equal(volume.voxels, make_scan())


def test_a_compression_that_dcm2niix_does_not_know_is_one_error(tmp_path: Path) -> None:
    files = write_series(tmp_path)
    for file in files:
        image = dcmread(file)
        image.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        image.save_as(file)
    with pytest.raises(BadVolumeError, match=r"dcm2niix made 0 volumes of 16 files.* without comp"):
        convert(files, "a")


@pytest.mark.parametrize("kind", ["axial", "sagittal", "compressed", "frames"])
def test_a_series_becomes_the_volume_it_was_made_from(tmp_path: Path, kind: str) -> None:
    spacing = (0.9, 1.1, 2.0)
    if kind == "frames":
        files = [write_multi_frame(tmp_path / "a.dcm", spacing=spacing)]
    elif kind == "compressed":
        files = write_series(tmp_path, spacing=spacing, syntax=RLELossless)
    else:
        files = write_series(tmp_path, spacing=spacing, plane=kind)
    volume = make_canonical(convert(files, kind), ANY, kind)
    np.testing.assert_array_equal(volume.voxels, make_scan())
    np.testing.assert_allclose(volume.found.canonical_spacing, spacing, rtol=1e-5)
    # The mark is on the patient's left, in front and in the upper half: x < 0, y > 0 in RAS.
    mark = apply_affine(volume.affine, np.argwhere(volume.voxels == 1500)).mean(axis=0)
    np.testing.assert_allclose(mark, [-4.05, 3.3, 0], atol=1e-4)
    assert volume.warnings == ()


def test_nothing_of_the_patient_is_in_the_image(tmp_path: Path) -> None:
    content = convert(write_series(tmp_path), "a").to_bytes().decode("latin-1").lower()
    assert not [secret for secret in SECRETS if secret.lower() in content]


def test_what_dcm2niix_cannot_read_is_one_error(tmp_path: Path) -> None:
    files = write_series(tmp_path)
    for file in files:
        file.write_bytes(file.read_bytes()[:-600])
    with pytest.raises(BadVolumeError) as refused:
        convert(files, "sub-001_ses-1 (series 4)")
    text = str(refused.value)
    assert text.startswith("sub-001_ses-1 (series 4): dcm2niix made ")
    assert "of 16 files" in text
    assert "expected one volume" in text
    assert not [secret for secret in SECRETS if secret.lower() in text.lower()]


def test_an_error_names_no_file_that_the_user_does_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "dcm2niix"
    tool.write_text('#!/bin/sh\nfor series; do :; done\necho "Error: no JPEG: $series/00002.dcm"\n')
    tool.chmod(0o755)
    monkeypatch.setattr(module, "find_dcm2niix", lambda: str(tool))
    with pytest.raises(BadVolumeError, match=r"\(Error: no JPEG: file 3 of them\)") as refused:
        convert(write_series(tmp_path / "a"), "a")
    assert ".dcm" not in str(refused.value)


def test_dcm2niix_of_the_system_is_used_without_the_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(name: str) -> SimpleNamespace:
        raise ImportError(name)

    monkeypatch.setattr(module.importlib, "import_module", refuse)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert find_dcm2niix() == "/usr/bin/dcm2niix"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SynaxialError, match=r"dcm2niix: is not installed; .*synaxial\[dicom\]"):
        find_dcm2niix()


def test_files_are_compared_by_their_pixels(tmp_path: Path) -> None:
    one, *_, other = write_series(tmp_path / "a")
    assert same_pixels(one, write_series(tmp_path / "b", number=9)[0])
    assert not same_pixels(one, write_series(tmp_path / "b", make_scan() + 1, number=9)[0])
    (tmp_path / "c.dcm").write_text("no DICOM")
    assert not same_pixels(one, tmp_path / "c.dcm")
    assert isinstance(convert([one, *_, other], "a"), nibabel.Nifti1Image)
