from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from synaxial.data.slices.window import conversion_of, find_window, to_eight_bits
from synaxial.io.errors import BadVolumeError

VOLUMES = hnp.arrays(
    np.int16, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6), elements=st.integers(0, 32767)
) | hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=3, max_dims=3, max_side=6),
    elements=st.just(0.0) | st.floats(np.float32(1e-6), np.float32(1e6), width=32),
)


def test_the_window_ignores_the_background() -> None:
    # Brain: 10, 20, 30, 40, 50. Its 25th and 75th percentile are 20 and 40.
    volume = np.array([0, 0, 0, 50, 10, 30, 20, 40], np.int16).reshape(2, 2, 2)
    assert find_window(volume, (25, 75), "s") == (20.0, 40.0)
    # Between 10 and 20 at 1/10 of the way from the first to the second of five.
    assert find_window(volume, (2.5, 100), "s") == (11.0, 50.0)


def test_a_volume_without_brain_is_bad() -> None:
    with pytest.raises(BadVolumeError, match="001: has no voxel above 0"):
        find_window(np.zeros((2, 2, 2), np.int16), (0, 100), "001")


def test_the_window_is_linear_and_clipped() -> None:
    intensities = np.array([0, 1, 20, 21, 30, 40, 41, 1000], np.int16)
    # 21: 1 + 254 / 20 = 13.7 -> 14. 30: 1 + 127 = 128.
    np.testing.assert_array_equal(
        to_eight_bits(intensities, 20, 40), [0, 1, 1, 14, 128, 255, 255, 255]
    )


def test_halves_are_rounded_to_even() -> None:
    # Of a window of 508 each unit is half a grey value: 1 + round(0.5), round(1.5), round(2.5).
    np.testing.assert_array_equal(
        to_eight_bits(np.array([101, 103, 105], np.int16), 100, 608), [1, 3, 3]
    )


def test_a_window_without_width() -> None:
    np.testing.assert_array_equal(
        to_eight_bits(np.array([0, 4, 5, 6], np.int16), 5, 5), [0, 1, 255, 255]
    )


@given(volume=VOLUMES, ends=st.tuples(st.floats(0, 49), st.floats(51, 100)))
def test_background_stays_0_and_brain_is_at_least_1_and_order_stays(
    volume: NDArray[Any], ends: tuple[float, float]
) -> None:
    if not volume.any():
        return
    low, high = find_window(volume, ends, "subject")
    assert 0 < low <= high
    values = to_eight_bits(volume, low, high)
    assert values.dtype == np.uint8
    np.testing.assert_array_equal(values == 0, volume == 0)
    order = np.argsort(volume, axis=None)
    assert (np.diff(values.ravel()[order].astype(int)) >= 0).all()


@given(volume=VOLUMES)
def test_the_whole_range_is_used(volume: NDArray[Any]) -> None:
    brain = volume[volume > 0]
    if brain.size == 0 or brain.min() == brain.max():
        return
    values = to_eight_bits(volume, *find_window(volume, (0, 100), "subject"))
    assert values[volume == brain.min()].max() == 1
    assert values.max() == 255


@given(volume=VOLUMES, low=st.floats(0, 40000), width=st.floats(0, 40000))
def test_a_table_converts_as_the_formula_does(
    volume: NDArray[Any], low: float, width: float
) -> None:
    converted = conversion_of(volume, low, low + width)(volume)
    assert converted.dtype == np.uint8
    np.testing.assert_array_equal(converted, to_eight_bits(volume, low, low + width))
