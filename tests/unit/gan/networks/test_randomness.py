"""Streams of random numbers are functions of their names."""

import numpy as np
import pytest

from synaxial.config.model import Latent
from synaxial.gan.networks.randomness import (
    SAMPLE,
    BatchRandomness,
    ImageRandomness,
    draw_latents,
)


def test_a_stream_is_a_function_of_its_name():
    first, again = (BatchRandomness(np, 1, 2, 3) for _ in range(2))
    np.testing.assert_array_equal(first.normal((4, 5)), again.normal((4, 5)))
    other = BatchRandomness(np, 1, 2, 4)
    assert not np.array_equal(BatchRandomness(np, 1, 2, 3).normal((9,)), other.normal((9,)))


def test_an_images_numbers_do_not_depend_on_its_neighbours():
    names = [(SAMPLE, 7, 0, i) for i in range(5)]
    together = ImageRandomness(np, names)
    alone = ImageRandomness(np, names[3:4])
    for draw in ("normal", "uniform"):
        np.testing.assert_array_equal(
            getattr(together, draw)((5, 2, 3))[3], getattr(alone, draw)((1, 2, 3))[0]
        )


@pytest.mark.parametrize(("distribution", "deviation"), [("normal", 1), ("uniform", 3**-0.5)])
def test_latents_have_their_distribution(distribution, deviation):
    latent = Latent(size=100, distribution=distribution)
    drawn = draw_latents(BatchRandomness(np, 0), 400, latent)
    assert (drawn.shape, drawn.dtype) == ((400, 100), np.float32)
    assert abs(drawn.mean()) < 0.02
    assert drawn.std() == pytest.approx(deviation, rel=0.02)
    if distribution == "uniform":
        assert -1 <= drawn.min() < -0.99
        assert 0.99 < drawn.max() <= 1
