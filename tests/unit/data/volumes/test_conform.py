"""Brain extraction and resampling, against volumes of known form."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from synaxial.config import make_study
from synaxial.config.model import Acquire, VolumeCheck
from synaxial.data.sources.directory import DirectorySource
from synaxial.data.volumes import acquire
from synaxial.data.volumes.canonical import CanonicalVolume, make_canonical
from synaxial.data.volumes.conform import ABOVE_BRAIN, conform, extract_brain, find_skull
from synaxial.data.volumes.intensities import NOT_STRIPPED
from synaxial.data.volumes.record import read_record, wanted_slices
from synaxial.io.errors import BadVolumeError, SynaxialError

from ..heads import directory_settings, make_image, save

ANY = VolumeCheck(shape=None, spacing=None)

#: Shape and voxel size along left, posterior and superior, and a rotation about the first axis in
#: degrees.
GRIDS = {
    "thick axial": ((60, 70, 12), (1.0, 0.9, 5.5), 0),
    "fine": ((74, 80, 60), (0.7, 0.7, 0.9), 0),
    "tilted": ((52, 60, 24), (1.2, 1.1, 3.0), 22),
}

#: Where the blob and the mark are, in mm (RAS). The mark is on the patient's left.
CENTRE = np.array([2.3, -3.2, 3.1])
MARK = np.array([-8.0, 1.0, 4.0])


def affine_of(shape: tuple[int, ...], spacing: tuple[float, ...], degrees: float) -> NDArray[Any]:
    """Return the affine (RAS+) of a grid in the orientation LPS whose middle is the origin."""
    angle = np.radians(degrees)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-spacing[0], -spacing[1], spacing[2]])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def places_of(shape: tuple[int, ...], affine: NDArray[Any]) -> NDArray[Any]:
    """Return the position of each voxel in mm, (X, Y, Z, 3)."""
    return apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))


@cache
def make_volume(kind: str, voxels_of: Any) -> CanonicalVolume:
    """Return the volume with the values of a function of the positions in mm."""
    shape, spacing, degrees = GRIDS[kind]
    affine = affine_of(shape, spacing, degrees)
    image = make_image(voxels_of(places_of(shape, affine)).astype(np.float32), affine)
    return make_canonical(image, ANY, kind, resampled=True)


def blob(places: NDArray[Any]) -> NDArray[Any]:
    """Return a Gaussian of 6 mm around `CENTRE`, 0 outside 22 mm."""
    distance = np.linalg.norm(places - CENTRE, axis=-1)
    return np.where(distance < 22, 1000 * np.exp(-((distance / 6) ** 2) / 2) + 20, 0)


def ball(places: NDArray[Any]) -> NDArray[Any]:
    """Return a ball of 20 mm and of one value, with a mark on the left."""
    inside = np.linalg.norm(places - CENTRE, axis=-1) < 20
    return inside * 500 + 400 * (np.linalg.norm(places - MARK, axis=-1) < 4)


def settings_of(
    resample: str | None = "linear", shape: Any = None, spacing: float = 1.0, **keys: Any
) -> Acquire:
    return Acquire.model_validate(
        {
            "volume": {"shape": shape, "spacing": [spacing] * 3},
            "conform": {"resample": resample, **keys},
        }
    )


@pytest.mark.parametrize("kind", GRIDS)
@pytest.mark.parametrize(
    ("interpolation", "within"), [("linear", 0.1), ("cubic", 0.1), ("nearest", 0.5)]
)
def test_a_blob_stays_where_it_was(kind: str, interpolation: str, within: float) -> None:
    volume, _ = conform(make_volume(kind, blob), None, settings_of(interpolation), kind)
    assert volume.voxels.dtype == np.float32
    np.testing.assert_array_equal(volume.affine[:3, :3], np.diag([-1, -1, 1]))
    places = places_of(volume.voxels.shape, volume.affine)
    weights = volume.voxels.astype(np.float64)
    centre = (places * weights[..., None]).sum(axis=(0, 1, 2)) / weights.sum()
    np.testing.assert_allclose(centre, CENTRE, atol=within)
    # As much of it as before, and as bright.
    before = make_volume(kind, blob)
    size = abs(np.linalg.det(before.affine[:3, :3]))
    assert weights.sum() == pytest.approx(before.voxels.sum(dtype=float) * size, rel=0.02)


@pytest.mark.parametrize("kind", GRIDS)
@pytest.mark.parametrize("interpolation", ["linear", "cubic", "nearest"])
def test_a_mark_stays_on_its_side_and_the_edge_as_bright(kind: str, interpolation: str) -> None:
    volume, _ = conform(make_volume(kind, ball), None, settings_of(interpolation), kind)
    mark = apply_affine(volume.affine, np.argwhere(volume.voxels > 850)).mean(axis=0)
    np.testing.assert_allclose(mark, MARK, atol=2.0)
    brain = volume.voxels[volume.voxels > 0]
    assert brain.min() >= 499 if interpolation != "cubic" else brain.min() > 420
    radius = (3 / 4 / np.pi * brain.size) ** (1 / 3)
    assert radius == pytest.approx(20, abs=0.4)


def test_a_volume_on_the_grid_already_keeps_its_voxels() -> None:
    shape, affine = (60, 70, 50), affine_of((60, 70, 50), (1, 1, 1), 0)
    image = make_image(blob(places_of(shape, affine)).astype(np.float32), affine)
    before = make_canonical(image, ANY, "a")
    after, _ = conform(before, None, settings_of(), "a")
    np.testing.assert_allclose(after.voxels, before.voxels, rtol=1e-6)
    np.testing.assert_allclose(after.affine, before.affine, atol=1e-6)


def test_notes_say_what_the_grid_was_and_mark_thick_slices() -> None:
    volume, _ = conform(make_volume("thick axial", ball), None, settings_of("cubic"), "a")
    assert volume.notes[-1] == (
        "resampled by cubic interpolation from 60 x 70 x 12 voxels of 1 x 0.9 x 5.5 mm (LPS); "
        "thick slices, and interpolated levels between them"
    )
    assert (volume.found.axes, volume.found.shape) == ("LPS", volume.voxels.shape)
    tilted, _ = conform(make_volume("tilted", ball), None, settings_of(), "a")
    assert "tilted by 22.0 degrees; thick slices" in tilted.notes[-1]


def test_with_a_shape_the_brain_is_in_the_middle_and_its_top_as_in_brats() -> None:
    shape = (56, 60, 62)
    for kind in GRIDS:
        volume, _ = conform(make_volume(kind, ball), None, settings_of(shape=shape), kind)
        assert volume.voxels.shape == shape
        filled = np.argwhere(volume.voxels > 0)
        low, high = filled.min(axis=0), filled.max(axis=0)
        np.testing.assert_allclose((low + high)[:2] / 2, [27.5, 29.5], atol=1.0)
        assert 61 - high[2] == pytest.approx(ABOVE_BRAIN, abs=3)


def test_a_brain_wider_than_the_grid_is_refused() -> None:
    with pytest.raises(BadVolumeError, match=r"a brain of 3\d.* mm .*; expected at most 29 x 119"):
        conform(make_volume("fine", ball), None, settings_of(shape=(30, 120, 100)), "a")


def head(places: NDArray[Any]) -> NDArray[Any]:
    """Return a ball with a skull around it in noise of the air."""
    noise = np.random.default_rng(1).integers(1, 30, places.shape[:-1])
    shell = np.linalg.norm(places - CENTRE, axis=-1)
    return ball(places) + 900 * ((shell > 24) & (shell < 27)) + noise


def test_a_skull_is_found_and_refused_if_the_study_says_so() -> None:
    volume = make_volume("thick axial", head)
    assert find_skull(volume) == NOT_STRIPPED
    assert conform(volume, None, settings_of(None), "a")[0] is volume
    with pytest.raises(BadVolumeError, match=r"a: not skull-stripped.*acquire.conform.brain_extr"):
        conform(volume, None, settings_of(None, skull=False), "a")
    with pytest.raises(BadVolumeError, match=r"to centre it in 56 x 60 x 62 voxels; set"):
        conform(volume, None, settings_of(shape=(56, 60, 62)), "a")
    # Without a shape, the field of view stays.
    kept, _ = conform(volume, None, settings_of(), "a")
    assert kept.voxels.shape == (60, 63, 66)
    assert kept.warnings == (NOT_STRIPPED,)


def test_a_head_in_air_of_0_is_found_by_its_size() -> None:
    places = places_of((40, 40, 40), affine_of((40, 40, 40), (5, 5, 5), 0))
    for radius, said in ((85, "not skull-stripped? 2.6 litres above 0"), (75, "")):
        voxels = 100.0 * (np.linalg.norm(places, axis=-1) < radius)
        image = make_image(voxels.astype(np.int16), affine_of((40, 40, 40), (5, 5, 5), 0))
        assert find_skull(make_canonical(image, ANY, "a")) == said


#: Commands for the brain extraction: a line of Python with the paths of both files.
SCRIPT = """
import sys, nibabel, numpy as np
image = nibabel.load(sys.argv[1])
voxels = np.asarray(image.dataobj)
places = nibabel.affines.apply_affine(image.affine, np.moveaxis(np.indices(voxels.shape), 0, -1))
mask = np.linalg.norm(places - [2.3, -3.2, 3.1], axis=-1) < 22
{action}
"""
ACTIONS = {
    "brain": "nibabel.save(nibabel.Nifti1Image(voxels * mask, image.affine), sys.argv[2])",
    "mask": "nibabel.save(nibabel.Nifti1Image(mask.astype('u1'), image.affine), sys.argv[2])",
    "turned": "nibabel.save(nibabel.as_closest_canonical(nibabel.Nifti1Image("
    "mask.astype('u1'), image.affine)), sys.argv[2])",
    "fails": "print('no model\\nfound', file=sys.stderr); sys.exit(3)",
    "another grid": "nibabel.save(nibabel.Nifti1Image(mask[1:].astype('u1'), image.affine),"
    " sys.argv[2])",
    "moved": "image.affine[0, 3] += 4; nibabel.save(nibabel.Nifti1Image(mask.astype('u1'),"
    " image.affine), sys.argv[2])",
    "no file": "print('finished')",
    "empty": "nibabel.save(nibabel.Nifti1Image(mask * np.uint8(0), image.affine), sys.argv[2])",
    "keeps all": "nibabel.save(image, sys.argv[2])",
}


def command_of(folder: Path, action: str) -> str:
    script = folder / "brain.py"
    script.write_text(SCRIPT.format(action=ACTIONS[action]))
    return f"'{sys.executable}' '{script}' {{input}} {{output}}"


@pytest.mark.parametrize("action", ["brain", "mask", "turned"])
@pytest.mark.parametrize("kind", ["thick axial", "tilted"])
def test_a_command_extracts_the_brain(tmp_path: Path, kind: str, action: str) -> None:
    volume = make_volume(kind, head)
    brain = extract_brain(volume, command_of(tmp_path, action), kind)
    inside = np.linalg.norm(places_of(volume.voxels.shape, volume.affine) - CENTRE, axis=-1) < 22
    np.testing.assert_array_equal(brain.voxels, np.where(inside, volume.voxels, 0))
    assert brain.warnings == ()
    assert brain.notes[-1] == "brain extracted"
    settings = settings_of(
        shape=(56, 60, 62), skull=False, brain_extraction=command_of(tmp_path, action)
    )
    assert conform(volume, None, settings, kind)[0].voxels.shape == (56, 60, 62)


FAILURES = {
    "fails": r"a: the brain extraction ended with status 3; its output ends: no model found; exp",
    "another grid": r"a: the result of the brain extraction: .*59, 70, 12.* voxels; expected",
    "moved": r"the result of the brain extraction: its grid lies up to 4 mm from that of the vol",
    "no file": r"a: the brain extraction wrote no file; its output ends: finished; expected the",
    "empty": r"a: the result of the brain extraction: every voxel is 0; expected a brain",
    "keeps all": r"a: not skull-stripped.*; expected a brain without its skull",
}


@pytest.mark.parametrize("action", FAILURES)
def test_a_failing_command_is_one_line(tmp_path: Path, action: str) -> None:
    settings = settings_of(None, skull=False, brain_extraction=command_of(tmp_path, action))
    with pytest.raises(BadVolumeError, match=FAILURES[action]):
        conform(make_volume("thick axial", head), None, settings, "a")


def test_a_command_that_is_not_there_ends_the_run() -> None:
    settings = settings_of(None, brain_extraction="no-such-tool {input} {output}")
    with pytest.raises(SynaxialError, match=r"no-such-tool cannot be started \(No such file") as e:
        conform(make_volume("thick axial", head), None, settings, "a")
    assert not isinstance(e.value, BadVolumeError)


@pytest.mark.parametrize(
    "keys",
    [
        {"conform": {"brain_extraction": "bet {input}"}},
        {"conform": {"resample": "linear"}, "volume": {"spacing": None}},
    ],
)
def test_settings_that_cannot_work_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected {output} in it|needs volume.spacing"):
        Acquire.model_validate(keys)


def test_a_command_with_a_quote_too_few_is_refused_before_any_volume_is_read() -> None:
    command = "sh -c 'bet {input} {output}"
    expected = r"acquire\.conform\.brain_extraction: found .* \(No closing quotation\)"
    with pytest.raises(SynaxialError, match=expected):
        make_study({"acquire": {"conform": {"brain_extraction": command}}})


def test_acquire_writes_the_volume_and_its_segmentation_on_the_new_grid(tmp_path: Path) -> None:
    shape, spacing, _ = GRIDS["thick axial"]
    affine = affine_of(shape, spacing, 0)
    places = places_of(shape, affine)
    save(tmp_path / "a" / "flair.nii.gz", ball(places).astype(np.int16), affine)
    mark = np.linalg.norm(places - MARK, axis=-1) < 5
    save(tmp_path / "a" / "seg.nii.gz", (4 * mark).astype(np.uint8), affine)
    settings = directory_settings(
        tmp_path,
        pattern="{subject}/flair.nii.gz",
        segmentation_pattern="{subject}/seg.nii.gz",
        volume={"shape": [56, 60, 62]},
        conform={"resample": "linear"},
    )
    acquire.acquire_subject(DirectorySource(settings), settings, "a", tmp_path / "out")
    flair, seg = (nibabel.load(tmp_path / "out" / f"a_{kind}.nii.gz") for kind in ("flair", "seg"))
    assert flair.shape == seg.shape == (56, 60, 62)
    np.testing.assert_array_equal(flair.affine, seg.affine)
    labels = np.asarray(seg.dataobj)
    assert set(np.unique(labels)) == {0, 4}
    place = apply_affine(seg.affine, np.argwhere(labels)).mean(axis=0)
    np.testing.assert_allclose(place, MARK, atol=1.5)
    record = read_record(tmp_path / "out" / "a.json")
    assert record.canonical_spacing == (1, 1, 1)
    assert (record.shape, record.orientation) == ([56, 60, 62], "LPS")
    assert record.notes[0].startswith("resampled by linear interpolation from 60 x 70 x 12")
    assert max(record.tumour_left_per_slice or []) > 0.9
    assert wanted_slices(record, 15, 40) == list(range(15, 41))
    # What a study without `conform` writes is what it always was.
    assert "conform" not in json.loads((tmp_path / "out" / "a.json").read_text())


def test_without_conform_each_thick_slice_is_a_level(tmp_path: Path) -> None:
    shape, spacing, _ = GRIDS["thick axial"]
    affine = affine_of(shape, spacing, 0)
    save(tmp_path / "a" / "flair.nii.gz", ball(places_of(shape, affine)).astype(np.int16), affine)
    settings = directory_settings(
        tmp_path, pattern="{subject}/flair.nii.gz", volume={"shape": None, "spacing": None}
    )
    acquire.acquire_subject(DirectorySource(settings), settings, "a", tmp_path / "out")
    record = read_record(tmp_path / "out" / "a.json")
    assert record.spacing_mm == [1.0, 0.9, 5.5]
    assert [5.5 * index for index in wanted_slices(record, 22, 44)] == [22, 27.5, 33, 38.5, 44]
