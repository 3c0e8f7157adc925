"""The alarm for a generator that makes few images."""

import logging

import numpy as np
import pytest

from synaxial.train.collapse import (
    has_collapsed,
    similarity_of,
    similarity_of_some,
    warn_of_collapse,
)


def noise(count, *shape):
    return np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 1), (64, 64, 3), (256, 256)])
def test_equal_images_are_similar_and_noise_is_not(shape):
    different = noise(16, *shape)
    assert similarity_of(different[:1].repeat(16, axis=0)) == pytest.approx(1)
    assert similarity_of(different) < 0.5


def test_a_dataset_of_one_image_has_no_pairs():
    assert similarity_of_some(noise(1, 64, 64)) == 1
    assert similarity_of_some(noise(3, 64, 64)) < 0.5


def rows_of(*similarities, real=0.4):
    return [
        {"epoch": epoch, "similarity_generated": value, "similarity_real": real}
        for epoch, value in enumerate(similarities, 1)
    ]


@pytest.mark.parametrize(
    ("similarities", "expected"),
    [
        ((0.9,), False),
        ((0.9, 0.95), False),  # alike from the beginning
        ((0.9, 0.5, 0.6), False),
        ((0.9, 0.5, 0.8), True),  # beyond 0.4 + 0.5 x 0.6
        ((0.9, 0.5, 0.8, 0.9), False),  # told already
    ],
)
def test_images_that_become_alike_are_an_alarm(caplog, similarities, expected):
    rows = rows_of(*similarities)
    assert has_collapsed(rows) is expected
    with caplog.at_level(logging.WARNING):
        warn_of_collapse(rows)
    assert ("may have collapsed" in caplog.text) is expected
