from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from synaxial.data.brain_values import brain_percentiles


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_the_percentiles_are_those_of_the_values_above_0(kind: type) -> None:
    volume = np.array([[0, 1, 9], [2, 4, 0]]).astype(kind)
    volume[0, 2] = 100
    before = volume.copy()
    found = brain_percentiles(volume, [25, 90])
    expected = np.percentile(np.array([1, 2, 4, 100]).astype(kind), [25, 90])
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
def test_the_memory_layout_does_not_matter(
    volume: NDArray[Any], axes: list[int], turned: bool
) -> None:
    seen = np.transpose(volume, axes)[::-1] if turned else np.transpose(volume, axes)
    expected, found = (brain_percentiles(array, [10, 80]) for array in (volume, seen))
    np.testing.assert_array_equal(found, expected)
