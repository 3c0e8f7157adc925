"""dcm2niix on made series: sides, forms of series, and what fails."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
from nibabel.affines import apply_affine
from pydicom.uid import RLELossless

from synaxial.config.model import VolumeCheck
from synaxial.data.dicom import convert as module
from synaxial.data.dicom.convert import convert, find_dcm2niix, same_pixels
from synaxial.data.volumes.canonical import make_canonical
from synaxial.io.errors import BadVolumeError, SynaxialError

from ..exports import SECRETS, make_scan, write_multi_frame, write_series

ANY = VolumeCheck(shape=None, spacing=None)


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
