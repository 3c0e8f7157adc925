import numpy as np

from synaxial.data.slices.axial import axial_slice


def test_anterior_right_lands_at_the_top_left() -> None:
    # The axes run to the patient's left, to posterior and to superior.
    volume = np.zeros((4, 3, 2), np.int16)
    volume[0, 0, 1] = 1  # anterior right
    volume[3, 0, 1] = 2  # anterior left
    volume[0, 2, 1] = 3  # posterior right
    np.testing.assert_array_equal(
        axial_slice(volume, 1), [[1, 0, 0, 2], [0, 0, 0, 0], [3, 0, 0, 0]]
    )
    assert not axial_slice(volume, 0).any()
