import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from synaxial.data.volumes.intensities import NOT_STRIPPED, brain_percentiles, make_positive
from synaxial.io.errors import BadVolumeError

from ..heads import SHAPE, make_head

BRAIN = make_head() > 0


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_whole_numbers_that_fit_are_int16(kind: type) -> None:
    head = np.minimum(make_head(), 255).astype(kind)
    voxels, notes, _ = make_positive(head, "copy")
    assert voxels.dtype == np.int16
    assert notes == []
    np.testing.assert_array_equal(voxels, head)


@pytest.mark.parametrize(
    "head", [make_head() * 0.37, make_head().astype(np.int32) * 100, make_head() * np.float32(1e6)]
)
def test_other_values_are_float32(head: np.ndarray) -> None:
    voxels, notes, _ = make_positive(head, "copy")
    assert voxels.dtype == np.float32
    assert notes == []
    np.testing.assert_array_equal(voxels, head.astype(np.float32))


def test_a_little_ringing_is_clipped() -> None:
    head = make_head()
    head[1, 2, 1:4] = -5
    voxels, notes, _ = make_positive(head, "copy")
    assert notes == ["3 negative voxels (interpolation) set to 0"]
    np.testing.assert_array_equal(voxels, np.maximum(head, 0))


@pytest.mark.parametrize("amidst", [True, False])
def test_a_z_scored_copy_is_shifted(amidst: bool) -> None:
    """Background 0 amidst the brain's values, or scored with them and below."""
    head = make_head().astype(np.float64)
    scored = (head - head[BRAIN].mean()) / head[BRAIN].std()
    if amidst:
        scored[~BRAIN] = 0
    voxels, notes, _ = make_positive(scored, "copy")
    assert len(notes) == 1
    assert notes[0].startswith("rescaled copy: ")
    np.testing.assert_array_equal(voxels > 0, BRAIN)
    assert (voxels[~BRAIN] == 0).all()
    # One scale and one shift: the order and the contrast within the brain are kept.
    assert np.corrcoef(voxels[BRAIN], head[BRAIN])[0, 1] > 0.999999


def test_a_positive_background_is_subtracted() -> None:
    voxels, notes, _ = make_positive(make_head() + np.int16(7), "copy")
    np.testing.assert_array_equal(voxels, make_head())
    assert notes == ["rescaled copy: the background, 7, was subtracted"]


def test_a_brain_at_the_border_still_has_its_background() -> None:
    head = make_head()
    head[:, :, 0] = 500
    voxels, notes, _ = make_positive(head, "copy")
    np.testing.assert_array_equal(voxels, head)
    assert notes == []


def test_no_background_is_a_warning() -> None:
    noise = np.random.default_rng(0).integers(1, 500, SHAPE).astype(np.int16)
    voxels, notes, warnings = make_positive(noise, "copy")
    np.testing.assert_array_equal(voxels, noise)
    assert notes == []
    assert warnings == [NOT_STRIPPED]


@pytest.mark.parametrize(
    ("voxels", "found", "expected"),
    [
        (np.zeros(SHAPE), "every voxel is 0", "a brain"),
        (np.full(SHAPE, -3), "every voxel is -3", "a brain"),
        (np.where(BRAIN, np.nan, 0), "96 voxels are NaN or infinite", "finite"),
        (np.where(BRAIN, np.inf, 0), "96 voxels are NaN or infinite", "finite"),
        (np.where(BRAIN, 1e300, 0), "values up to 1e+300", "32-bit"),
        (np.where(BRAIN, 1e-300, 0), "no voxel is above the background", "a brain"),
        (
            np.random.default_rng(0).normal(size=SHAPE),
            "negative voxels, and no background",
            "a skull-stripped volume",
        ),
    ],
)
def test_bad_values_are_refused(voxels: np.ndarray, found: str, expected: str) -> None:
    voxels = voxels if "96" not in found else np.where(_first(96), voxels, 0)
    with pytest.raises(BadVolumeError) as caught:
        make_positive(voxels, "sub-1 (a.nii)")
    assert str(caught.value).startswith("sub-1 (a.nii): ")
    assert found in str(caught.value)
    assert expected in str(caught.value)


def _first(count: int) -> np.ndarray:
    kept = np.zeros(BRAIN.size, bool)
    kept[np.flatnonzero(BRAIN)[:count]] = True
    return kept.reshape(SHAPE)


@given(
    arrays(np.float32, (4, 4, 4), elements=st.floats(-100, 100, width=32)),
    st.sampled_from([0, -4, 3.5]),
)
def test_the_outcome_is_positive_or_a_clear_error(inner: np.ndarray, background: float) -> None:
    head = np.full((6, 6, 6), background, np.float32)
    head[1:-1, 1:-1, 1:-1] = inner
    try:
        voxels, _, _ = make_positive(head, "copy")
    except BadVolumeError as error:
        assert "expected a brain" in str(error)
    else:
        assert voxels.dtype in (np.int16, np.float32)
        assert np.isfinite(voxels).all()
        assert voxels.min() == 0
        assert voxels.max() > 0
        assert not np.signbit(voxels).any()
        assert (voxels[0] == 0).all()


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
    volume=arrays(np.int32, (30,), elements=st.integers(-3, 3000)),
    percentiles=st.lists(st.floats(0, 100), min_size=1, max_size=3),
)
def test_counted_percentiles_are_numpys(volume: np.ndarray, percentiles: list[float]) -> None:
    """To the last bit: windows and so all images stay the same."""
    brain = volume[volume > 0]
    if brain.size:
        expected = np.percentile(brain, percentiles)
        np.testing.assert_array_equal(brain_percentiles(volume, percentiles), expected)


@given(
    volume=arrays(np.int16, (3, 4, 5), elements=st.integers(-3, 9)),
    axes=st.permutations(range(3)),
    turned=st.booleans(),
)
def test_the_memory_layout_does_not_matter(
    volume: np.ndarray, axes: list[int], turned: bool
) -> None:
    seen = np.transpose(volume, axes)[::-1] if turned else np.transpose(volume, axes)
    expected, found = (brain_percentiles(array, [10, 80]) for array in (volume, seen))
    np.testing.assert_array_equal(found, expected)
