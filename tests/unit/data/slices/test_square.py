import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from synaxial.data.slices.square import FILTERS, Filter, centre, resample

IMAGES = hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)))

#: Source pixels to either side that a filter reads when enlarging (Pillow's documentation of
#: the filters); nearest takes the pixel itself.
SUPPORTS: dict[Filter, float] = {"nearest": 0.5, "bilinear": 1, "bicubic": 2, "lanczos": 3}


def test_an_odd_difference_is_at_the_bottom_and_right() -> None:
    np.testing.assert_array_equal(
        centre(np.array([[1, 2]], np.uint8), 4),
        [[0, 0, 0, 0], [0, 1, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    )
    np.testing.assert_array_equal(
        centre(np.arange(1, 17, dtype=np.uint8).reshape(4, 4), 1),
        [[6]],
    )


def test_one_axis_is_cropped_and_the_other_padded() -> None:
    np.testing.assert_array_equal(centre(np.array([[1, 2, 3, 4]], np.uint8), 2), [[2, 3], [0, 0]])


@given(image=IMAGES, larger=st.integers(0, 20))
def test_padding_then_cropping_is_the_identity(image: NDArray[np.uint8], larger: int) -> None:
    squared = centre(image, max(image.shape))
    np.testing.assert_array_equal(
        centre(centre(squared, len(squared) + larger), len(squared)), squared
    )
    assert squared.sum() == image.sum()


@given(height=st.integers(1, 40), width=st.integers(1, 40), size=st.integers(1, 80))
@pytest.mark.parametrize("kernel", FILTERS)
def test_zero_stays_zero(kernel: Filter, height: int, width: int, size: int) -> None:
    resized = resample(np.zeros((height, width), np.uint8), size, kernel)
    assert resized.shape == (size, size)
    assert resized.dtype == np.uint8
    assert not resized.any()


@pytest.mark.parametrize("kernel", FILTERS)
def test_an_image_of_the_size_stays_itself(kernel: Filter) -> None:
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    np.testing.assert_array_equal(resample(image, 8, kernel), image)


def test_twice_as_large_by_hand() -> None:
    image = np.array([[0, 100], [200, 100]], np.uint8)
    np.testing.assert_array_equal(
        resample(image, 4, "nearest"), image.repeat(2, axis=0).repeat(2, axis=1)
    )
    # The new centres lie a quarter of a pixel from the old ones: weights 3/4 and 1/4, and at the
    # border only the one pixel.
    np.testing.assert_array_equal(
        resample(np.array([[0, 100], [0, 100]], np.uint8), 4, "bilinear")[0], [0, 25, 75, 100]
    )


def test_the_head_is_not_stretched() -> None:
    image = np.full((10, 6), 200, np.uint8)
    resized = resample(image, 20, "nearest")
    np.testing.assert_array_equal(np.flatnonzero(resized.any(axis=0)), np.arange(4, 16))
    assert resized.any(axis=1).all()


@pytest.mark.parametrize("kernel", FILTERS)
@given(
    brain=hnp.arrays(np.uint8, (6, 5), elements=st.integers(1, 255)),
    corner=st.tuples(st.integers(0, 18), st.integers(0, 19)),
    size=st.integers(8, 64),
)
def test_far_from_the_brain_all_is_exactly_0(
    kernel: Filter, brain: NDArray[np.uint8], corner: tuple[int, int], size: int
) -> None:
    image = np.zeros((24, 24), np.uint8)
    top, left = corner
    image[top : top + 6, left : left + 5] = brain
    resized = resample(image, size, kernel)
    scale = 24 / size
    # A reducing filter is as much wider as the image becomes smaller.
    support = SUPPORTS[kernel] * max(scale, 1.0)
    centres = (np.arange(size) + 0.5) * scale
    # Pillow takes the pixels whose centres lie within the support, to the nearest pixel: half a
    # pixel more on either side.
    far_rows = (centres < top - support - 0.5) | (centres > top + 6 + support + 0.5)
    far_columns = (centres < left - support - 0.5) | (centres > left + 5 + support + 0.5)
    assert not resized[far_rows].any()
    assert not resized[:, far_columns].any()
