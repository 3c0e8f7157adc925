import itertools
import struct

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nibabel.orientations import (
    apply_orientation,
    axcodes2ornt,
    inv_ornt_aff,
    ornt_transform,
)

from synaxial.config.model import VolumeCheck
from synaxial.data.volumes.canonical import make_canonical, make_canonical_segmentation
from synaxial.data.volumes.geometry import read_geometry
from synaxial.io.errors import BadVolumeError

from ..heads import CHECK, LPS, SHAPE, make_head, make_image, make_labels

#: All 48 orders and directions that three axes can have.
ALL_AXES = [
    "".join(codes)
    for order in itertools.permutations(("LR", "PA", "SI"))
    for codes in itertools.product(*order)
]


def turned_copy(voxels: np.ndarray, axes: str) -> nibabel.Nifti1Image:
    """Return the same head, stored along other axes, with the affine that says so."""
    transform = ornt_transform(axcodes2ornt("LPS"), axcodes2ornt(axes))
    stored = apply_orientation(voxels, transform)
    return make_image(stored, LPS @ inv_ornt_aff(transform, voxels.shape))


def test_there_are_48() -> None:
    assert len(set(ALL_AXES)) == 48


@given(st.sampled_from(ALL_AXES), st.integers(0, 9))
def test_copies_in_any_orientation_give_the_same_volume(axes: str, seed: int) -> None:
    head, labels = make_head(seed), make_labels()
    volume = make_canonical(turned_copy(head, axes), CHECK, "copy")
    segmentation = make_canonical_segmentation(
        turned_copy(labels, axes), volume.found, None, "copy"
    )
    assert volume.found.axes == axes
    assert volume.notes == ()
    np.testing.assert_array_equal(volume.voxels, head)
    np.testing.assert_array_equal(segmentation, labels)
    np.testing.assert_allclose(volume.affine, LPS)


@pytest.mark.parametrize("axes", ["RAS", "LPS", "LAS"])
def test_a_segmentation_may_be_stored_in_another_orientation(axes: str) -> None:
    volume = make_canonical(make_image(make_head()), CHECK, "copy")
    labels = make_labels()
    turned = make_canonical_segmentation(turned_copy(labels, axes), volume.found, None, "copy")
    np.testing.assert_array_equal(turned, labels)


def test_the_canonical_axes_are_left_posterior_superior() -> None:
    head = make_head()
    head[5, 2, 1] = 3000  # a mark towards left, anterior, inferior
    volume = make_canonical(turned_copy(head, "RAS"), CHECK, "copy")
    position = volume.affine @ [5, 2, 1, 1]
    assert volume.voxels[5, 2, 1] == 3000
    assert nibabel.aff2axcodes(volume.affine) == ("L", "P", "S")
    np.testing.assert_allclose(position[:3], [-5, 5, 1])


def test_spacing_and_shape_are_compared_along_the_canonical_axes() -> None:
    affine = np.array([[0.0, 0, 2, 0], [0, 3, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    image = make_image(np.moveaxis(make_head(), [0, 1, 2], [2, 1, 0]), affine)
    check = VolumeCheck(shape=SHAPE, spacing=(2, 3, 1))
    assert make_canonical(image, check, "copy").found.spacing == (1, 3, 2)


def rotated(degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return turn @ LPS


def test_a_small_tilt_is_noted() -> None:
    volume = make_canonical(make_image(make_head(), rotated(10)), CHECK, "copy")
    assert volume.notes == ("tilted by 10.0 degrees; slices are those of the file, not resampled",)


def two_orientations(voxels: np.ndarray) -> nibabel.Nifti1Image:
    image = make_image(voxels)
    image.set_qform(np.diag([1, -1, 1, 1]), 1)
    return image


def test_two_orientations_in_one_header_are_a_warning_and_give_no_masks() -> None:
    volume = make_canonical(two_orientations(make_head()), CHECK, "copy")
    assert volume.warnings == (
        "the sform says LPS and the qform RPS; the sform is used; check the patient's sides and "
        "set acquire.volume.affine",
    )
    assert volume.found.axes == "LPS"
    with pytest.raises(BadVolumeError, match="sub-1: the volume has two orientations"):
        make_canonical_segmentation(make_image(make_labels()), volume.found, None, "sub-1")


@pytest.mark.parametrize(("wanted", "axes"), [("sform", "LPS"), ("qform", "RPS")])
def test_the_study_chooses_an_orientation(wanted: str, axes: str) -> None:
    check = CHECK.model_copy(update={"affine": wanted})
    volume = make_canonical(two_orientations(make_head()), check, "copy")
    assert (volume.found.axes, volume.notes, volume.warnings) == (axes, (), ())
    labels = make_canonical_segmentation(
        two_orientations(make_labels()), volume.found, None, "sub-1", wanted
    )
    # The labels lie on the head as they lay before.
    turned = slice(None, None, -1 if wanted == "qform" else 1)
    np.testing.assert_array_equal(volume.voxels, make_head()[turned])
    np.testing.assert_array_equal(labels, make_labels()[turned])


def with_pixdim(sform: float, pixdim: float, qform: int) -> nibabel.Nifti1Image:
    """Return an image with two voxel sizes (mm), as after a change of one of them alone."""
    image = make_image(make_head(), np.diag([-sform, -sform, sform, 1]))
    image.set_qform(np.diag([-pixdim, -pixdim, pixdim, 1]), qform)
    image.header["pixdim"][1:4] = pixdim
    return image


@pytest.mark.parametrize("qform", [0, 1])
def test_two_voxel_sizes_in_one_header_are_refused_until_the_study_chooses(qform: int) -> None:
    image = with_pixdim(1, 2, qform)
    message = "voxels of 1 x 1 x 1 mm in the sform and 2 x 2 x 2 mm in pixdim; .*volume.affine"
    with pytest.raises(BadVolumeError, match=message):
        make_canonical(image, CHECK, "copy")
    for wanted, size in (("sform", 1), ("qform", 2 if qform else 1)):
        check = VolumeCheck(shape=SHAPE, spacing=(size,) * 3, affine=wanted)
        assert make_canonical(image, check, "copy").found.spacing == (size,) * 3


@pytest.mark.parametrize("size", [0.001, 1000])
@pytest.mark.parametrize("wanted", [None, "sform", "qform"])
def test_voxels_in_another_unit_are_refused_where_any_size_is_accepted(
    size: float, wanted: str | None
) -> None:
    image = make_image(make_head(), np.diag([-size, -size, size, 1]))
    check = VolumeCheck(shape=None, spacing=None, affine=wanted)
    with pytest.raises(BadVolumeError, match=r"expected 0.1 to 20 mm; .*unit may not be mm"):
        make_canonical(image, check, "copy")


def test_an_invalid_qform_is_noted() -> None:
    image = make_image(make_head())
    image.header["quatern_b"] = 40
    assert make_canonical(image, CHECK, "copy").notes == (
        "the qform is not valid; the sform (LPS) is used",
    )


def test_an_invalid_qform_that_the_study_chooses_is_refused() -> None:
    image = make_image(make_head())
    image.header["quatern_b"] = 40
    with pytest.raises(BadVolumeError, match=r"copy: the qform is not valid .*affine to sform"):
        make_canonical(image, CHECK.model_copy(update={"affine": "qform"}), "copy")


def with_sform(row: int, column: int, value: float) -> nibabel.Nifti1Image:
    """Return an image with one number of its file's sform changed."""
    data = bytearray(make_image(make_head(), qform=0).to_bytes())
    struct.pack_into("<f", data, 280 + 4 * (4 * row + column), value)
    return nibabel.Nifti1Image.from_bytes(bytes(data))


@pytest.mark.parametrize(
    ("image", "found", "expected"),
    [
        (
            make_image(make_head(), sform=0, qform=0),
            "neither sform nor qform is set",
            "a header with an orientation",
        ),
        (make_image(make_head(), rotated(20)), "tilted by 20.0 degrees", "at most 15"),
        (
            with_sform(0, 0, np.nan),
            "the affine holds NaN, infinity",
            "numbers up to",
        ),
        (
            with_sform(2, 3, np.inf),
            "the affine holds NaN, infinity",
            "numbers up to",
        ),
        (
            with_sform(0, 0, 0),
            "the affine is singular",
            "three independent axes",
        ),
        (
            nibabel.Nifti1Image(
                make_head(), [[0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
            ),
            "the affine is singular",
            "three independent axes",
        ),
        (
            make_image(make_head(), np.diag([-1, -1, 1.02, 1])),
            "voxels of 1 x 1 x 1.02 mm",
            "1 x 1 x 1 mm within 1%",
        ),
        (
            make_image(make_head(shape=(7, 8, 5))),
            "7 x 8 x 5 voxels (left, posterior, superior)",
            "7 x 8 x 6",
        ),
        (make_image(np.moveaxis(make_head(), 0, 2)), "8 x 6 x 7 voxels", "7 x 8 x 6"),
        (make_image(np.ones((7, 8), np.int16)), "2 axes of [7, 8] voxels", "3, or 4"),
        (make_image(np.ones((*SHAPE, 1, 2), np.int16)), "5 axes", "3, or 4 with channels"),
    ],
)
def test_a_bad_geometry_is_refused(image: nibabel.Nifti1Image, found: str, expected: str) -> None:
    with pytest.raises(BadVolumeError) as caught:
        make_canonical(image, CHECK, "sub-1 (a.nii)")
    message = str(caught.value)
    assert message.startswith("sub-1 (a.nii): ")
    assert found in message
    assert expected in message
    assert "\n" not in message


def test_nothing_is_read_before_the_geometry_is_checked() -> None:
    class Unreadable:
        shape = (7, 8, 5)
        ndim = 3
        dtype = np.dtype(np.int16)

        def __getitem__(self, _: object) -> np.ndarray:
            raise AssertionError("read")

        def __array__(self, *_: object) -> np.ndarray:
            raise AssertionError("read")

    with pytest.raises(BadVolumeError, match="7 x 8 x 5 voxels"):
        make_canonical(nibabel.Nifti1Image(Unreadable(), LPS), CHECK, "copy")


def test_any_shape_and_spacing_where_the_study_says_so() -> None:
    image = make_image(make_head(shape=(9, 9, 9)), np.diag([-2, -2, 5, 1]))
    geometry = make_canonical(image, VolumeCheck(shape=None, spacing=None), "copy").found
    assert geometry.canonical_shape == (9, 9, 9)
    assert geometry.canonical_spacing == (2, 2, 5)


def test_the_geometry_names_the_files_own_axes() -> None:
    geometry = read_geometry(turned_copy(make_head(), "SAR"), "copy")
    assert geometry.axes == "SAR"
    assert geometry.shape == (6, 8, 7)
    assert geometry.canonical_shape == SHAPE
