"""The two ways to compute a convolution, and the blocks they are cut into."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite.binding import get_host_cpu_features

from synaxial.compute.parallel import use_threads
from synaxial.gan.ops import convolution, direct, kernels
from synaxial.gan.ops.convolution import correlate, scatter, weight_gradient
from synaxial.gan.ops.layout import Geometry

from .comparison import assert_close


def draw(seed, *shapes, dtype=np.float32):
    random = np.random.default_rng(seed)
    return [random.standard_normal(shape, dtype=dtype) for shape in shapes]


geometries = st.one_of(
    st.builds(Geometry, st.integers(1, 6), st.integers(1, 6), st.integers(1, 3), st.integers(0, 3)),
    # Computed in pairs of rows.
    st.builds(Geometry, st.sampled_from([2, 3]), st.integers(1, 5), st.just(1), st.integers(0, 3)),
    st.builds(Geometry, st.sampled_from([4, 6]), st.integers(2, 5), st.just(2), st.integers(0, 3)),
)


def test_large_kernels_on_wide_images_do_not_depend_on_threads():
    # Blocks that wrote to the same pixels at once were wrong here by whole units, in some runs.
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
@settings(max_examples=150, deadline=None)
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


sizes = st.tuples(*(st.integers(1, 13) for _ in range(2)), st.integers(4, 24), st.integers(4, 24))


@given(geometries, sizes, st.sampled_from([5, 8, 16, 21]), st.sampled_from([np.float32, float]))
@settings(max_examples=150, deadline=None)
def test_both_ways_are_the_same_function(geometry, sizes, images, dtype):
    channels, outputs, height, width = sizes
    rows, columns = geometry.places(height, width)
    if min(rows, columns) < 1 or min(geometry.height, geometry.width) < geometry.stride:
        return
    x, weights, gy, b, c = draw(
        *(3, (channels, height, width, images), (outputs, channels, *geometry[:2])),
        *((outputs, rows, columns, images), (outputs,), (channels,)),
        dtype=dtype,
    )

    def results(least):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(convolution, "LEAST_PIXELS", least)
            patch.setattr(kernels, "LEAST_CHANNELS", 2)
            return [
                correlate(x, weights, geometry, b),
                scatter(gy, weights, geometry, (height, width), c),
                weight_gradient(x, gy, geometry),
            ]

    for directly, by_matrices in zip(results(0), results(1 << 30), strict=True):
        assert_close(directly, by_matrices, 1e-5 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize(
    ("geometry", "columns"), [(Geometry(3, 3, 2, 1), 7), (Geometry(3, 3, 1, 3), 1)]
)
def test_rows_of_an_image_that_are_shorter_than_a_vector(monkeypatch, geometry, columns):
    # A tile of such a row would end outside of it, and write over other values.
    y, weights = draw(5, (20, *geometry.places(64, columns), 8), (20, 24, *geometry[:2]))
    assert convolution.many_pixels(y, y.shape[2] * 8, 24, geometry)
    actual = scatter(y, weights, geometry, (64, columns))
    monkeypatch.setattr(convolution, "LEAST_PIXELS", 1 << 30)
    assert_close(actual, scatter(y, weights, geometry, (64, columns)))


@pytest.mark.parametrize("step", [2, -1])
def test_a_bias_that_is_not_contiguous(step):
    geometry = Geometry(3, 3, 1, 1)
    x, weights, b = draw(6, (3, 16, 8, 8), (8, 3, 3, 3), (16,))
    b = b[::step][:8]
    assert convolution.many_pixels(x, 144, len(b), geometry) and not b.flags.c_contiguous
    expected = correlate(x, weights, geometry, b.copy())
    np.testing.assert_array_equal(correlate(x, weights, geometry, b), expected)


#: With their kinds of combined rows.
GEOMETRIES = {Geometry(3, 4, 2, 1): 1, Geometry(4, 4, 2, 1): 3, Geometry(3, 3, 1, 1): 4}


def results_of_many_pixels(geometry):
    c, o = (19, 21) if GEOMETRIES[geometry] == 1 else (16, 24)
    x, weights, b, c = draw(2, (c, 41, 18, 8), (o, c, *geometry[:2]), (o,), (c,))
    gy = draw(3, (o, *geometry.places(41, 18), 8))[0]
    assert convolution.many_pixels(gy, gy.shape[2] * 8, o, geometry)
    kernel = kernels.kernel_of(weights, geometry, gy.shape[1:3])
    assert kernel.kinds == GEOMETRIES[geometry]
    return [
        correlate(x, weights, geometry, b),
        scatter(gy, weights, geometry, (41, 18), c),
        weight_gradient(x, gy, geometry),
    ]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("block", [1, 1 << 30])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_blocks_and_threads_change_no_byte(monkeypatch, geometry, block, threads):
    expected = results_of_many_pixels(geometry)
    monkeypatch.setattr(direct, "BLOCK", block)
    with use_threads(threads):
        for actual, wanted in zip(results_of_many_pixels(geometry), expected, strict=True):
            np.testing.assert_array_equal(actual, wanted)


@pytest.mark.parametrize(("part", "least"), [(1, 1), (1 << 30, 1 << 30)])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_the_groups_of_rows_change_rounding_only(monkeypatch, geometry, part, least):
    expected = results_of_many_pixels(geometry)[2]
    monkeypatch.setattr(direct, "PART", part)
    monkeypatch.setattr(direct, "LEAST_OF_GROUP", least)
    assert_close(results_of_many_pixels(geometry)[2], expected)


def test_the_first_sum_of_a_pixel_is_its_bias_and_the_others_follow_in_order():
    # In float32 the order of a sum shows: 1e8 + 1 - 1e8 is 0 from the left.
    x = np.ones((3, 8, 8, 8), np.float32)
    weights = np.array([[1.0, -1e8, 3.0]], np.float32).reshape(1, 3, 1, 1)
    y = correlate(x, weights, Geometry(1, 1, 1, 0), np.array([1e8], np.float32))
    np.testing.assert_array_equal(y, np.float32(3))


NARROW = """
import sys
import numpy as np
from synaxial.gan.ops import tiles
from tests.unit.gan.ops.test_correlation import GEOMETRIES, results_of_many_pixels
assert not tiles.WIDE
np.savez(sys.argv[1], *(y for geometry in GEOMETRIES for y in results_of_many_pixels(geometry)))
"""


def test_shorter_vectors_give_the_same_images(tmp_path):
    file = tmp_path / "narrow.npz"
    features = get_host_cpu_features()
    features.update({name: False for name in features if name.startswith("avx512")})
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(tmp_path),
        "NUMBA_CPU_FEATURES": features.flatten(),
    }
    root = Path(__file__).parents[4]
    subprocess.run([sys.executable, "-c", NARROW, file], env=environment, cwd=root, check=True)
    found = list(np.load(file).values())
    for at, geometry in enumerate(GEOMETRIES):
        y, gx, gradient = found[3 * at : 3 * at + 3]
        expected = results_of_many_pixels(geometry)
        np.testing.assert_array_equal(y, expected[0])
        np.testing.assert_array_equal(gx, expected[1])
        # Summed in more parts.
        assert_close(gradient, expected[2])
