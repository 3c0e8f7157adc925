from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from synaxial.data.brain_values import brain_percentiles

PERCENTILES = st.lists(st.floats(0, 100), min_size=1, max_size=5)


@given(
    volume=hnp.arrays(
        np.int16,
        hnp.array_shapes(min_dims=1, max_dims=3, max_side=6),
        elements=st.integers(-3, 5) | st.integers(-32768, 32767),
    ),
    percentiles=PERCENTILES,
)
def test_counting_finds_the_percentiles_of_numpy(
    volume: NDArray[np.int16], percentiles: list[float]
) -> None:
    found = brain_percentiles(volume, percentiles)
    if (volume <= 0).all():
        assert found is None
        return
    assert found is not None
    assert found.dtype == np.float64
    expected = np.percentile(volume[volume > 0].astype(np.float64), percentiles)
    # To the last bit with the NumPy of today, to the last but two with any.
    np.testing.assert_array_max_ulp(found, expected, 4)


def test_the_percentiles_of_many_voxels_are_those_of_numpy_to_the_last_bit() -> None:
    values = np.random.default_rng(0).gamma(9, 40, 1_000_001).astype(np.int16) + np.int16(1)
    percentiles = np.linspace(0, 100, 999).tolist()
    np.testing.assert_array_equal(
        brain_percentiles(values, percentiles), np.percentile(values, percentiles)
    )


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int32])
def test_other_types_are_left_to_numpy(kind: type) -> None:
    volume = np.array([0, 1, -5, 2, 4, 0, 100_000]).astype(kind)
    before = volume.copy()
    found = brain_percentiles(volume, [25, 90])
    expected = np.percentile(np.array([1, 2, 4, 100_000]).astype(kind), [25, 90])
    assert found is not None
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(volume, before)
    assert brain_percentiles(np.minimum(volume, 0), [50]) is None


@given(
    volume=hnp.arrays(np.int16, (3, 4, 5), elements=st.integers(-3, 9)),
    axes=st.permutations(range(3)),
    turned=st.booleans(),
)
def test_the_layout_does_not_count(volume: NDArray[Any], axes: list[int], turned: bool) -> None:
    seen = np.transpose(volume, axes)[::-1] if turned else np.transpose(volume, axes)
    expected, found = (brain_percentiles(array, [10, 80]) for array in (volume, seen))
    np.testing.assert_array_equal(found, expected)
