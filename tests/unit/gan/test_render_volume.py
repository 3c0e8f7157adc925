import gzip

import nibabel
import numpy as np
import pytest

from synaxial.gan.render_volume import DESCRIPTION, compressed, make_volume


def test_pages_lie_as_they_are_shown() -> None:
    pages = np.zeros((2, 3, 4), np.uint8)
    pages[1, 0, 0] = 9  # top left of the second page: anterior, the patient's right, superior
    volume = make_volume(pages)
    assert volume.shape == (4, 3, 2)
    assert nibabel.aff2axcodes(volume.affine) == ("L", "P", "S")
    # In the canonical orientation the axes run to right, anterior and superior.
    turned = np.asarray(nibabel.as_closest_canonical(volume).dataobj)
    assert turned[-1, -1, -1] == 9
    assert turned.sum() == 9


def test_the_grid_is_centred_on_a_brats_slice() -> None:
    volume = make_volume(np.zeros((100, 256, 256, 3), np.uint8))
    assert volume.header.get_zooms() == (0.9375, 0.9375, 1.0)
    assert volume.header.get_xyzt_units()[0] == "mm"
    assert volume.get_data_dtype() == np.uint8
    assert volume.header["descrip"].item().decode() == DESCRIPTION
    # The outer edges of the image are those of BraTS's 240 voxels, 0.5 mm beyond their centres.
    corner = volume.affine @ [-0.5, -0.5, 0, 1]
    opposite = volume.affine @ [255.5, 255.5, 0, 1]
    np.testing.assert_allclose(corner, [0.5, 239.5, 0, 1])
    np.testing.assert_allclose(opposite, [-239.5, -0.5, 0, 1])
    np.testing.assert_allclose(volume.get_qform(), volume.get_sform(), atol=1e-4)


@pytest.mark.parametrize("field_of_view", [256.0, 120.0])
def test_another_field_of_view_has_the_same_centre(field_of_view: float) -> None:
    volume = make_volume(np.zeros((1, 256, 256), np.uint8), field_of_view)
    assert volume.header.get_zooms()[0] == pytest.approx(field_of_view / 256)
    np.testing.assert_allclose((volume.affine @ [127.5, 127.5, 0, 1])[:2], [-119.5, 119.5])


def test_the_same_volume_gives_the_same_bytes_and_they_are_read() -> None:
    pages = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    content = compressed(make_volume(pages))
    assert content == compressed(make_volume(pages.copy()))
    read = nibabel.Nifti1Image.from_bytes(gzip.decompress(content))
    np.testing.assert_array_equal(np.asarray(read.dataobj), pages.transpose(2, 1, 0))
