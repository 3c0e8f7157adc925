from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from synaxial.brain_values import brain_values, percentiles_of

PERCENTILES = st.lists(st.floats(0, 100), min_size=1, max_size=5)


@given(
    values=hnp.arrays(np.int16, st.integers(1, 60), elements=st.integers(0, 32767)),
    percentiles=PERCENTILES,
)
def test_counting_finds_the_percentiles_of_numpy(
    values: NDArray[np.int16], percentiles: list[float]
) -> None:
    expected = np.percentile(values.astype(np.float64), percentiles)
    found = percentiles_of(values, percentiles)
    assert found.dtype == np.float64
    # To the last bit with the NumPy of today, to the last but two with any.
    np.testing.assert_array_max_ulp(found, expected, 4)


def test_the_percentiles_of_many_voxels_are_those_of_numpy_to_the_last_bit() -> None:
    values = np.random.default_rng(0).gamma(9, 40, 1_000_001).astype(np.int16)
    percentiles = np.linspace(0, 100, 999).tolist()
    np.testing.assert_array_equal(
        percentiles_of(values, percentiles), np.percentile(values, percentiles)
    )


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int32])
def test_other_types_are_left_to_numpy(kind: type) -> None:
    values = np.array([1, 2, 4, 100_000]).astype(kind)
    found = percentiles_of(values, [25, 90])
    assert found.dtype == np.percentile(values, [25, 90]).dtype
    np.testing.assert_array_equal(found, np.percentile(values, [25, 90]))


@given(
    volume=hnp.arrays(np.int16, (3, 4, 5), elements=st.integers(-3, 3)),
    axes=st.permutations(range(3)),
    turned=st.booleans(),
)
def test_the_brain_is_what_is_above_0_in_any_layout(
    volume: NDArray[Any], axes: list[int], turned: bool
) -> None:
    seen = np.transpose(volume, axes)[::-1] if turned else np.transpose(volume, axes)
    np.testing.assert_array_equal(np.sort(brain_values(seen)), np.sort(volume[volume > 0]))
