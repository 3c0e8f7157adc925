"""A head has its size in mm in every image, whatever its voxels are: through the real commands."""

import json
import re
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from numpy.typing import NDArray

from synaxial.config import make_study, part_of_study
from synaxial.io.stacks import read_stack

#: The head in mm: from left to right, from front to back, and from its lowest to its highest level.
WIDTH, LENGTH, HEIGHT = 43, 51, 30

#: Level of the tumour in mm above the lowest slice.
TUMOUR = 12

#: Images of 128 pixels across 64 mm.
RESIZE = {"size": 128, "filter": "bilinear", "field_of_view": 64}
PIXEL = 0.5


def write_head(data: Path, spacing: tuple[float, float, float], axes: str) -> None:
    """Write a head and its tumour with voxels of this size, along left, posterior and superior."""
    left, posterior, superior = np.meshgrid(
        *(np.arange(0, length, size) for length, size in zip((54, 60, 35), spacing, strict=True)),
        indexing="ij",
    )
    head = ((left - 27) / WIDTH * 2) ** 2 + ((posterior - 30) / LENGTH * 2) ** 2 <= 1
    tumour = head & (left > 34) & (np.abs(superior - TUMOUR) < 0.1)
    voxels = head * 200 + tumour * 100
    voxels[len(voxels) // 2, voxels.shape[1] // 2] = 1
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1])
    to_axes = ornt_transform(io_orientation(affine), axcodes2ornt(axes))
    for kind, content in (("flair", voxels), ("seg", tumour)):
        image = nibabel.Nifti1Image(content.astype(np.int16), affine)
        nibabel.save(image.as_reoriented(to_axes), data / f"001_{kind}.nii.gz")


class Subject:
    """A head in a folder, and the commands that make its images."""

    def __init__(self, folder: Path, run_synaxial: Any, **study: Any) -> None:
        self.folder, self._run = folder, run_synaxial
        self.data = folder / "data"
        self.data.mkdir()
        directory = {"path": str(self.data), "pattern": "{subject}_flair.nii.gz"}
        directory["segmentation_pattern"] = "{subject}_seg.nii.gz"
        self.study = {
            "acquire": {
                **{"source": "directory", "subjects": "all", "directory": directory},
                "volume": {"shape": None, "spacing": None},
            },
            "slice": {"first": 4, "last": 20, "window": [0, 100]},
            "resize": RESIZE,
            **study,
        }

    def run(self, stage: str, *options: Any) -> Any:
        """Run a command with the part of the study that it reads."""
        name = stage.removeprefix("data ")
        settings = self.folder / f"{name}.yaml"
        settings.write_text(json.dumps(part_of_study(make_study(self.study), name)))
        return self._run(*stage.split(), "--config", settings, *options)

    def make(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8], list[int]]:
        """Return the images, the masks and the numbers of the slices."""
        volumes = self.folder / "volumes"
        source = ("--path", self.data, "--fetched", self.folder)
        record = ("--record", volumes / "001.json")
        output = {kind: ("--output", self.folder / f"{kind}.tif") for kind in "sim"}
        for stage, *options in (
            ("acquire", "--subject", "001", *source, "--output", volumes),
            ("slice", "--volume", volumes / "001_flair.nii.gz", *record, *output["s"]),
            ("resize", "--slices", self.folder / "s.tif", *record, *output["i"]),
            ("mask", "--segmentation", volumes / "001_seg.nii.gz", *record, *output["m"]),
        ):
            done = self.run(f"data {stage}", *options)
            assert done.returncode == 0, done.stderr
        images, masks = (read_stack(self.folder / f"{kind}.tif") for kind in "im")
        numbers = [page["slice"] for page in images.descriptions]
        assert numbers == [page["slice"] for page in masks.descriptions]
        return images.pages, masks.pages, numbers


def extent(pages: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return how many rows and columns of the pages are head, at half of its value or more."""
    bright = (pages >= 85).any(axis=0)
    return np.array([np.ptp(np.flatnonzero(bright.any(axis=axis))) + 1 for axis in (1, 0)])


@pytest.mark.parametrize(
    ("spacing", "axes"),
    [
        ((1, 1, 1), "LPS"),
        # A sagittal 3-D FLAIR: thick slices from left to right.
        ((1.2, 1, 1), "PSL"),
        ((1.5, 1, 1), "LPS"),
        # An axial 2-D FLAIR with gaps.
        ((0.5, 0.5, 4), "RAS"),
    ],
)
def test_a_head_has_its_size_in_images_masks_and_the_volume_of_a_stack(
    tmp_path: Path, run_synaxial: Any, spacing: tuple[float, float, float], axes: str
) -> None:
    subject = Subject(tmp_path, run_synaxial)
    write_head(subject.data, spacing, axes)
    images, masks, numbers = subject.make()
    # A head of whole voxels is at most one of them shorter; a pixel more or less is rounding.
    tolerance = np.array([spacing[1], spacing[0]]) + PIXEL
    assert (np.abs(extent(images) * PIXEL - (LENGTH, WIDTH)) <= tolerance).all()
    # The slices are those at 4 to 20 mm, and the tumour is in that at 12 mm.
    assert numbers == [n for n in range(40) if 4 <= n * spacing[2] <= 20]
    with_tumour = [n for n, mask in zip(numbers, masks, strict=True) if mask.any()]
    assert with_tumour == [TUMOUR / spacing[2]]
    # The mask lies on the tumour, the brightest part of the head.
    bright, inside = images >= 213, masks > 0
    assert (bright != inside).sum() <= 0.1 * inside.sum()

    nifti = tmp_path / "stack.nii.gz"
    done = subject.run("render", "--stack", tmp_path / "i.tif", "--nifti", nifti)
    assert done.returncode == 0, done.stderr
    volume = nibabel.load(nifti)
    across = extent(np.asarray(volume.dataobj).T) * volume.header.get_zooms()[:2]
    assert (np.abs(across - (LENGTH, WIDTH)) <= tolerance).all()


def test_padding_keeps_the_size_in_mm_too(tmp_path: Path, run_synaxial: Any) -> None:
    volume = {"shape": None, "spacing": [0.8, 0.8, 1]}
    subject = Subject(tmp_path, run_synaxial, resize={"size": 100, "mode": "pad"})
    subject.study["acquire"]["volume"] = volume
    write_head(subject.data, (0.8, 0.8, 1), "LPS")
    images, _, _ = subject.make()
    nifti = tmp_path / "stack.nii.gz"
    assert subject.run("render", "--stack", tmp_path / "i.tif", "--nifti", nifti).returncode == 0
    zooms = nibabel.load(nifti).header.get_zooms()
    np.testing.assert_allclose(zooms, (0.8, 0.8, 1))
    assert (np.abs(extent(images) * 0.8 - (LENGTH, WIDTH)) <= 0.8).all()


def test_a_field_of_view_that_is_smaller_than_the_head_is_refused(
    tmp_path: Path, run_synaxial: Any, assert_clear_error: Any
) -> None:
    subject = Subject(tmp_path, run_synaxial, resize={**RESIZE, "field_of_view": 40})
    write_head(subject.data, (1.5, 1, 1), "LPS")
    line = r"images of 40 mm would cut brain off; expected (\S+) mm or more"
    with pytest.raises(AssertionError, match=line) as refused:
        subject.make()
    (width,) = re.findall(line, str(refused.value))
    subject.study["resize"]["field_of_view"] = float(width)
    subject.make()


def test_images_of_another_size_have_no_known_pixel(tmp_path: Path, run_synaxial: Any) -> None:
    subject = Subject(tmp_path, run_synaxial)
    write_head(subject.data, (1, 1, 1), "LPS")
    subject.make()
    subject.study["resize"] = {"size": 256, "field_of_view": 64}
    nifti = tmp_path / "stack.nii.gz"
    done = subject.run("render", "--stack", tmp_path / "i.tif", "--nifti", nifti)
    assert "the size of a pixel in mm is not known" in done.stderr
    header = nibabel.load(nifti).header
    assert b"THE SIZE OF A PIXEL IS NOT KNOWN" in header["descrip"].item()
    assert header.get_xyzt_units()[0] == "unknown"
