"""The blocks that the products of a convolution are cut into."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synaxial.compute.parallel import for_each, use_threads
from synaxial.gan.ops import convolution
from synaxial.gan.ops.convolution import correlate, scatter, weight_gradient
from synaxial.gan.ops.layout import Geometry

from .comparison import assert_close


def draw(seed, *shapes):
    random = np.random.default_rng(seed)
    return [random.standard_normal(shape, dtype=np.float32) for shape in shapes]


geometries = st.builds(
    Geometry, st.integers(1, 6), st.integers(1, 6), st.integers(1, 3), st.integers(0, 3)
)


@given(geometries, st.integers(1, 30), st.integers(1, 4), st.sampled_from([1, 90, 700]))
@settings(max_examples=150)
def test_blocks_that_are_added_at_once_never_meet(geometry, rows, columns, images):
    height, width = geometry.covered(rows, columns)
    if min(height, width) < 1:
        return
    waves = []

    def record(function, items):
        waves.append(items)
        for_each(function, items)

    y, weights = draw(0, (1, rows, columns, images), (1, 1500 // geometry.taps, *geometry[:2]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "for_each", record)
        scatter(y, weights, geometry, (height, width))
    done = set()
    for wave in waves[1:]:
        # Rows of the image by channel; with the taps of the last row of places.
        covered = [
            (c, geometry.stride * r.start, geometry.stride * (r.stop - 1) + geometry.height)
            for some, r in wave
            for c in range(some.start, some.stop)
        ]
        for (c, _, last), (d, first, _) in zip(sorted(covered), sorted(covered)[1:], strict=False):
            assert c != d or last <= first
        done |= {
            (c, r)
            for some, part in wave
            for c in range(weights.shape[1])[some]
            for r in range(rows)[part]
        }
    assert done == {(c, r) for c in range(weights.shape[1]) for r in range(rows)}


def test_large_kernels_on_wide_images_do_not_depend_on_threads():
    # Blocks of one wave that met were wrong by whole units here, in one of ten runs.
    geometry = Geometry(5, 5, 1, 2)
    y, weights = draw(0, (64, 9, 300, 8), (64, 20, 5, 5))
    expected = scatter(y, weights, geometry, (9, 300))
    with use_threads(3):
        for _ in range(5):
            np.testing.assert_array_equal(scatter(y, weights, geometry, (9, 300)), expected)


@given(
    geometries,
    st.tuples(*(st.integers(1, 5) for _ in range(2)), *(st.integers(1, 9) for _ in range(2))),
    st.sampled_from([1, 3, 8, 16]),
)
@settings(max_examples=150)
def test_the_three_are_transposes_of_each_other(geometry, sizes, images):
    channels, outputs, height, width = sizes
    rows, columns = geometry.places(height, width)
    if min(rows, columns) < 1:
        return
    x, weights, gy = draw(
        *(1, (channels, height, width, images)),
        *((outputs, channels, *geometry[:2]), (outputs, rows, columns, images)),
    )
    along_y = np.vdot(correlate(x, weights, geometry), gy)
    along_x = np.vdot(x, scatter(gy, weights, geometry, (height, width)))
    along_weights = np.vdot(weights, weight_gradient(x, gy, geometry))
    assert along_x == pytest.approx(along_y, rel=1e-3, abs=1e-3)
    assert along_weights == pytest.approx(along_y, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize(("block", "columns"), [(1, 1), (1 << 18, 512), (1 << 30, 1 << 30)])
@pytest.mark.parametrize("small_weights", [0, 1 << 30])
def test_the_size_of_blocks_changes_rounding_only(monkeypatch, block, columns, small_weights):
    geometry = Geometry(3, 4, 2, 1)
    x, weights, b, c = draw(2, (9, 41, 18, 5), (7, 9, 3, 4), (7,), (9,))
    gy = draw(3, (7, *geometry.places(41, 18), 5))[0]

    def results():
        return [
            correlate(x, weights, geometry, b),
            scatter(gy, weights, geometry, (41, 18), c),
            weight_gradient(x, gy, geometry),
        ]

    expected = results()
    monkeypatch.setattr(convolution, "BLOCK", block)
    monkeypatch.setattr(convolution, "LEAST_COLUMNS", columns)
    monkeypatch.setattr(convolution, "LEAST_ROWS", max(columns // 2, 1))
    monkeypatch.setattr(convolution, "WIDEST", columns)
    monkeypatch.setattr(convolution, "SMALL_WEIGHTS", small_weights)
    for actual, wanted in zip(results(), expected, strict=True):
        assert_close(actual, wanted)
