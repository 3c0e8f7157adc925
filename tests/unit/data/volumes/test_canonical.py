import struct

import nibabel
import numpy as np
import pytest

from synaxial.config.model import VolumeCheck
from synaxial.data.sources.layouts import LAYOUTS
from synaxial.data.volumes.canonical import make_canonical, make_canonical_segmentation
from synaxial.data.volumes.geometry import read_geometry
from synaxial.io.errors import BadVolumeError

from ..heads import CHECK, LPS, SHAPE, make_head, make_image, make_labels


def test_a_channel_of_a_4d_file() -> None:
    channels = np.stack([make_head(seed) for seed in range(4)], axis=3)
    for channel in (0, 2):
        check = VolumeCheck(shape=SHAPE, channel=channel)
        volume = make_canonical(make_image(channels), check, "copy")
        np.testing.assert_array_equal(volume.voxels, make_head(channel))
    assert volume.found.shape == (*SHAPE, 4)


@pytest.mark.parametrize("singletons", [1, 2, 4])
def test_singleton_axes_are_no_channels(singletons: int) -> None:
    head = make_head().reshape(SHAPE + (1,) * singletons)
    check = VolumeCheck(shape=SHAPE, channel=3)
    np.testing.assert_array_equal(
        make_canonical(make_image(head), check, "copy").voxels, make_head()
    )


def test_a_channel_that_nobody_chose_is_refused() -> None:
    """The first of four channels may be T1."""
    channels = make_image(np.stack([make_head(seed) for seed in range(4)], axis=3))
    with pytest.raises(BadVolumeError, match=r"4 channels; expected one volume; .*volume.channel"):
        make_canonical(channels, CHECK, "copy")
    volume = make_canonical(channels, CHECK, "copy", channel=3)
    np.testing.assert_array_equal(volume.voxels, make_head(3))
    chosen = make_canonical(channels, CHECK.model_copy(update={"channel": 1}), "copy", channel=3)
    np.testing.assert_array_equal(chosen.voxels, make_head(1))


def test_a_channel_out_of_range_is_refused() -> None:
    image = make_image(np.stack([make_head()] * 2, axis=3))
    with pytest.raises(BadVolumeError, match=r"2 channels; expected channel 2"):
        make_canonical(image, VolumeCheck(shape=SHAPE, channel=2), "copy")


@pytest.mark.parametrize("kind", [np.complex64, [("R", "u1"), ("G", "u1"), ("B", "u1")]])
def test_complex_and_coloured_voxels_are_refused(kind: object) -> None:
    with pytest.raises(BadVolumeError, match=r"voxels of type .*; expected integers or real"):
        make_canonical(make_image(np.ones(SHAPE, kind)), CHECK, "copy")


def test_a_scaled_file_gives_its_scaled_values() -> None:
    data = bytearray(make_image(make_head()).to_bytes())
    struct.pack_into("<2f", data, 112, 2, 0)  # scl_slope and scl_inter
    volume = make_canonical(nibabel.Nifti1Image.from_bytes(bytes(data)), CHECK, "copy")
    assert volume.voxels.dtype == np.int16
    np.testing.assert_array_equal(volume.voxels, 2 * make_head())


def grid() -> object:
    return read_geometry(make_image(make_head()), "copy")


@pytest.mark.parametrize(
    ("layout", "stored", "expected"),
    [
        ("brats2020", (1, 2, 4), (1, 2, 4)),
        ("brats2023", (1, 2, 3), (1, 2, 4)),
        # Since 2024 label 4 is the resection cavity, which is no tumour; oedema in children.
        ("brats2023", (2, 3, 4), (2, 4, 0)),
        ("BraTS-PED-00001-000", (1, 3, 4), (4, 1, 2)),
        ("msd", (1, 2, 3), (2, 1, 4)),
    ],
)
def test_labels_become_those_of_brats_2020(
    layout: str, stored: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    labels = LAYOUTS["brats2023" if layout not in LAYOUTS else layout].labels_of(layout)
    image = make_image(make_labels(stored).astype(np.float32))
    found = make_canonical_segmentation(image, grid(), labels, "copy")
    np.testing.assert_array_equal(found, make_labels(expected))
    assert found.dtype == np.uint8


@pytest.mark.parametrize(
    ("voxels", "affine", "layout", "message"),
    [
        (make_labels()[:-1], LPS, "bids", r"sub-1: \(6, 8, 6\) voxels; expected \(7, 8, 6\)"),
        (make_labels(), LPS + 5 * np.eye(4, k=3), "bids", "5 mm from"),
        (make_labels() * np.float32(0.5), LPS, "bids", "holds labels 0.5; expected whole numbers"),
        (-make_labels().astype(np.int16), LPS, "bids", "holds labels -4, -2, -1; expected whole"),
        (make_labels() * np.int16(100), LPS, "bids", "holds labels 400; expected whole"),
        (make_labels((7,)), LPS, "msd", r"holds labels 7; expected \[0, 1, 2, 3\]"),
        # One channel a label: the first is the background, and the tumour would be lost.
        (
            np.stack([make_labels() == 0, make_labels() > 0], -1).astype(np.uint8),
            LPS,
            "bids",
            "2 cha",
        ),
        (np.full(SHAPE, np.nan, np.float32), LPS, "bids", "holds labels nan; expected whole"),
    ],
)
def test_a_bad_segmentation_is_refused(
    voxels: np.ndarray, affine: np.ndarray, layout: str, message: str
) -> None:
    with pytest.raises(BadVolumeError, match=message):
        make_canonical_segmentation(
            make_image(voxels, affine), grid(), LAYOUTS[layout].labels_of(""), "sub-1"
        )
