import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synaxial.config.model import Acquire
from synaxial.data.sources import open_source
from synaxial.data.sources.directory import DirectorySource, walk
from synaxial.data.sources.source import Source
from synaxial.data.volumes.acquire import make_record, read_segmentation
from synaxial.data.volumes.canonical import make_canonical
from synaxial.data.volumes.record import wanted_slices
from synaxial.io.errors import BadVolumeError, SynaxialError
from synaxial.io.files import sha256_of

from ..heads import directory_settings, make_brats2020, make_head, make_image, make_labels, save

NAMES = [f"BraTS20_Training_{number:03d}" for number in (1, 2, 3)]


@pytest.mark.parametrize("name", Acquire.model_fields["source"].annotation.__args__)
def test_every_source_of_the_configuration_is_there(tmp_path: Path, name: str) -> None:
    settings = directory_settings(tmp_path, source=name, subjects=["1"], dicom={"path": tmp_path})
    source = open_source(settings, tmp_path)
    assert type(source).__name__ == f"{name.title()}Source"


def test_a_copy_is_found_from_any_folder_above(tmp_path: Path) -> None:
    make_brats2020(tmp_path / "data" / "MICCAI_BraTS2020_TrainingData")
    (tmp_path / "data" / "survival_info.csv").write_text("Brats20ID\n")
    source: Source = DirectorySource(directory_settings(tmp_path))
    assert not source.must_be_fetched
    assert source.subjects() == NAMES
    flair, segmentation = source.files(NAMES[1])
    raw = source.read(NAMES[1])
    assert flair.name == f"{NAMES[1]}_flair.nii"
    assert segmentation.name == f"{NAMES[1]}_seg.nii"
    assert raw.origin == str(flair)
    assert raw.sha256 == sha256_of(flair)
    np.testing.assert_array_equal(np.asarray(raw.image.dataobj), make_head(2))
    np.testing.assert_array_equal(np.asarray(raw.open_segmentation().dataobj), make_labels())


def test_a_validation_set_has_no_segmentation(tmp_path: Path) -> None:
    name = "BraTS20_Validation_001"
    save(tmp_path / name / f"{name}_flair.nii.gz", make_head())
    source = DirectorySource(directory_settings(tmp_path))
    assert len(source.files(name)) == 1
    assert source.read(name).open_segmentation is None


def test_a_free_pattern(tmp_path: Path) -> None:
    save(tmp_path / "p1" / "axial flair.nii", make_head())
    save(tmp_path / "masks" / "p1.nii.gz", make_labels())
    settings = directory_settings(
        tmp_path, pattern="{subject}/axial flair.nii", segmentation_pattern="masks/{subject}.nii.gz"
    )
    source = DirectorySource(settings)
    assert source.subjects() == ["p1"]
    assert source.read("p1").open_segmentation is not None
    other = directory_settings(tmp_path, pattern="{subject}/flair.nii")
    with pytest.raises(SynaxialError, match=r"none of its 2 files .* pattern {subject}/flair.nii"):
        DirectorySource(other).subjects()


def test_links_are_followed_and_circles_end(tmp_path: Path) -> None:
    make_brats2020(tmp_path / "store", (1,))
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "linked").symlink_to(tmp_path / "store")
    (tmp_path / "store" / "back").symlink_to(copy)
    assert DirectorySource(directory_settings(copy)).subjects() == NAMES[:1]
    assert len(list(walk(copy))) == 3


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    copy = make_brats2020(tmp_path / "copy")
    (copy / "BraTS20_Training_004").symlink_to(tmp_path / "not mounted")
    with pytest.raises(
        SynaxialError, match=r"_004: is a link to .*not mounted, which is not there"
    ):
        DirectorySource(directory_settings(copy)).subjects()


def test_a_folder_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = make_brats2020(tmp_path / "copy")
    scan = os.scandir

    # Not by permissions, which do not stop the user root.
    def refuse(path: str) -> Any:
        if Path(path).name == NAMES[1]:
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SynaxialError, match=rf"{NAMES[1]}: cannot be read \(Permission denied\)"):
        DirectorySource(directory_settings(copy)).subjects()


def test_the_source_is_never_written_to(tmp_path: Path) -> None:
    root = make_brats2020(tmp_path / "copy")
    for path in [*root.rglob("*"), root]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    source = DirectorySource(directory_settings(root))
    np.asarray(source.read(source.subjects()[0]).image.dataobj)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755)
    shutil.rmtree(root)


@pytest.mark.parametrize("kind", ["absent", "file", "empty"])
def test_a_wrong_folder_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "copy"
    if kind == "file":
        path.touch()
    if kind == "empty":
        path.mkdir()
    message = {"absent": "is not there", "file": "is a file", "empty": "holds 0 files"}[kind]
    with pytest.raises(SynaxialError, match=f"copy: {message}.*; expected"):
        DirectorySource(directory_settings(path)).subjects()


def test_a_wrong_layout_is_refused(tmp_path: Path) -> None:
    make_brats2020(tmp_path)
    with pytest.raises(SynaxialError, match="none of its 9 files is a FLAIR volume of the layout"):
        DirectorySource(directory_settings(tmp_path, layout="msd")).subjects()


def test_a_missing_or_unwanted_subject_is_refused(tmp_path: Path) -> None:
    make_brats2020(tmp_path)
    with pytest.raises(SynaxialError, match="has no subject 004"):
        DirectorySource(directory_settings(tmp_path, subjects="1-4")).subjects()
    source = DirectorySource(directory_settings(tmp_path, subjects=["1"]))
    with pytest.raises(SynaxialError, match="is not among the subjects of the study"):
        source.files(NAMES[2])


def test_a_damaged_file_is_a_bad_volume_of_its_subject(tmp_path: Path) -> None:
    make_brats2020(tmp_path)
    for kind in ("flair", "seg"):
        (tmp_path / NAMES[0] / f"{NAMES[0]}_{kind}.nii").write_bytes(b"")
    (tmp_path / NAMES[1] / f"{NAMES[1]}_seg.nii").write_bytes(b"")
    source = DirectorySource(directory_settings(tmp_path))
    with pytest.raises(BadVolumeError, match=rf"{NAMES[0]} \(.*_flair.nii\): no NIfTI header"):
        source.read(NAMES[0])
    segmentation = source.read(NAMES[1]).open_segmentation
    with pytest.raises(BadVolumeError, match="its segmentation: no NIfTI header"):
        segmentation()


REAL = Path(__file__).parents[5] / "shared" / "data" / "brats"


@pytest.mark.skipif(not REAL.is_dir(), reason="the two real volumes are not on this machine")
@pytest.mark.parametrize(
    ("name", "brain", "tumour"), [(NAMES[0], 1487565, 111724), (NAMES[1], 1245191, 120674)]
)
def test_real_volumes(name: str, brain: int, tumour: int) -> None:
    """Read two glioma patients in BraTS geometry, and copies of them as other tools write."""
    settings = Acquire.model_validate(
        {"source": "directory", "subjects": "001-002", "directory": {"path": REAL}}
    )
    source = DirectorySource(settings)
    assert source.subjects() == NAMES[:2]
    raw = source.read(name)
    stored = np.asarray(raw.image.dataobj)
    volume = make_canonical(raw.image, settings.volume, name)
    segmentation, warnings = read_segmentation(raw, volume, settings.volume)
    assert segmentation is not None
    assert warnings == []
    np.testing.assert_array_equal(volume.voxels, stored)
    assert np.count_nonzero(volume.voxels) == brain
    assert np.count_nonzero(segmentation) == tumour
    assert set(np.unique(segmentation)) == {0, 1, 2, 4}
    assert volume.notes == ()
    wanted_slices(make_record(name, name, "directory", raw, volume, segmentation, []), 60, 107)

    ras = make_image(stored[::-1, ::-1], np.diag([1, 1, 1, 1]))
    np.testing.assert_array_equal(make_canonical(ras, settings.volume, name).voxels, stored)

    mask = stored > 0
    scored = np.where(mask, (stored - stored[mask].mean()) / stored[mask].std(), 0)
    shifted = make_canonical(
        make_image(scored.astype(np.float32), raw.image.affine), settings.volume, name
    )
    np.testing.assert_array_equal(shifted.voxels > 0, mask)
    assert np.corrcoef(shifted.voxels[mask], stored[mask])[0, 1] > 0.999999
