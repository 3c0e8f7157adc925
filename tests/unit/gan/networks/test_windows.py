"""Windows around heads: what a doubling sees, and what is left of a map."""

import numpy as np
import pytest

from synaxial.gan.networks.windows import Window, doublings_around, doublings_of_all
from synaxial.gan.ops.resampling import bilinear_upsampling


def test_a_part_of_a_part():
    x = np.arange(400).reshape(1, 1, 20, 20)
    outer, inner = Window(2, 18, 4, 15), Window(3, 9, 6, 14)
    np.testing.assert_array_equal(inner.within(outer).of(outer.of(x)), x[..., 3:9, 6:14])
    assert Window.all_of(x).of(x) is x
    assert inner.times(4) == (12, 36, 24, 56)
    assert inner.grown(4, 16) == (0, 13, 2, 16)


@pytest.mark.parametrize("window", [(0, 7, 3, 8), (5, 16, 0, 16), (6, 9, 7, 12)])
def test_a_doubling_sees_no_more_than_is_said(window):
    x = np.random.default_rng(0).normal(size=(1, 2, 8, 8))
    kept = Window(*window)
    seen = kept.before_doubling(8)
    found = kept.within(seen.times(2)).of(bilinear_upsampling(seen.of(x)).array)
    np.testing.assert_array_equal(found, kept.of(bilinear_upsampling(x).array))


def test_doublings_around_pixels():
    pixels = np.zeros((64, 64), bool)
    pixels[20:40, 30] = pixels[25, 22:50] = True
    first, last = doublings_around(pixels, 2, 2, margin=12)
    # Three small pixels more on each side.
    assert last.kept == (4 * 17, 4 * 43, 4 * 19, 4 * 53)
    assert last.enlarged == (2 * 17 - 1, 2 * 43 + 1, 2 * 19 - 1, 2 * 53 + 1)
    # Two convolutions more; the first row is even.
    assert first.kept == (30, 2 * 43 + 3, 2 * 19 - 3, 2 * 53 + 3)
    assert first.enlarged == (14, 46, 16, 56)


def test_pixels_everywhere_need_all():
    assert doublings_around(np.ones((8, 8), bool), 3, 2, 12) == doublings_of_all(8, 3)
