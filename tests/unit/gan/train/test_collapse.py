"""The alarm for a generator that makes few images."""

import logging

import numpy as np
import pytest

from synaxial.gan.train.collapse import (
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


def test_masks_do_not_count():
    """Else a generator whose images are all alike would look varied by its masks."""
    images = noise(16, 64, 64)
    pairs = np.stack([images[:1].repeat(16, axis=0), images], axis=3)
    assert similarity_of(pairs) == pytest.approx(1)
    assert similarity_of(pairs[..., ::-1]) == similarity_of(images)


def test_a_dataset_of_one_image_has_no_pairs():
    assert similarity_of_some(noise(1, 64, 64), 64) == 1
    assert similarity_of_some(noise(3, 64, 64), 64) < 0.5


def test_real_images_are_compared_at_the_width_of_the_generated_ones():
    """Noise on a shape is averaged out where a coarse generator's images have fewer pixels."""
    shape = np.zeros((64, 64), np.float32)
    shape[16:48, 24:40] = 200
    images = np.clip(shape + 0.2 * noise(20, 64, 64), 0, 255).astype(np.uint8)
    small = np.rint(images.reshape(20, 16, 4, 16, 4).mean((2, 4))).astype(np.uint8)
    assert similarity_of_some(images, 16) == similarity_of_some(small, 16)
    assert similarity_of_some(images, 16) > similarity_of_some(images, 64) + 0.1


def rows_of(*similarities, real=0.4, iterations=54):
    return [
        {
            "epoch": epoch,
            "iteration": epoch * iterations,
            "similarity_generated": value,
            "similarity_real": real,
        }
        for epoch, value in enumerate(similarities, 1)
    ]


def warnings_of(rows, caplog):
    """The warnings of a training, by the epoch after which each came."""
    found = {}
    for epoch in range(1, len(rows) + 1):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            warn_of_collapse(rows[:epoch])
        if caplog.messages:
            (found[epoch],) = caplog.messages
    return found


@pytest.mark.parametrize(
    ("similarities", "expected"),
    [
        ((0.9,), False),
        ((0.9, 0.95), False),  # alike from the beginning
        ((0.9, 0.5, 0.6), False),
        ((0.9, 0.5, 0.8), True),  # beyond 0.4 + 0.5 x 0.6
        ((0.9, 0.5, 0.8, 0.9), False),  # reported already
        ((0.9, 0.6, 0.8), False),  # not varied before: beyond 0.4 + 0.25 x 0.6
    ],
)
def test_images_that_become_alike_are_an_alarm(caplog, similarities, expected):
    rows = rows_of(*similarities)
    assert has_collapsed(rows) is expected
    with caplog.at_level(logging.WARNING):
        warn_of_collapse(rows)
    assert ("may have collapsed" in caplog.text) is expected


#: Of the logs of two trainings on the same 15 phantoms, 54 iterations an epoch: one with the
#: paper's unconstrained loss, whose images are all the same head to the end; and the demo's,
#: whose images are varied.
SLOW = (
    *(0.835615, 0.742049, 0.827819, 0.873609, 0.903969, 0.921624, 0.918311, 0.92621, 0.937482),
    *(0.943693, 0.937464, 0.941721, 0.939918, 0.939085, 0.935779, 0.938344, 0.93702, 0.92691),
)
DEMO = (
    *(0.987672, 0.864575, 0.866581, 0.838186, 0.8313, 0.801, 0.738948, 0.704464, 0.664694),
    *(0.648961, 0.64783, 0.651527, 0.64583, 0.652839, 0.659548, 0.653533, 0.650109, 0.655446),
)
REAL = 0.567461


def test_images_that_never_varied_are_reported_once(caplog):
    found = warnings_of(rows_of(*SLOW, real=REAL), caplog)
    # The first epoch that ends after 500 iterations.
    assert list(found) == [10]
    assert found[10] == (
        "epoch 10: the generated images still resemble each other (MS-SSIM of pairs 0.94, of real "
        "images 0.57); the generator has never varied as real images do: look at the previews"
    )


def test_images_that_become_varied_are_not_reported(caplog):
    assert warnings_of(rows_of(*DEMO, real=REAL), caplog) == {}


def test_a_late_collapse_is_no_lack_of_variety(caplog):
    found = warnings_of(rows_of(*DEMO, *SLOW[-3:], real=REAL), caplog)
    assert list(found) == [19]
    assert "may have collapsed" in found[19]


def test_variety_after_the_first_alarm_can_be_lost_again(caplog):
    found = warnings_of(rows_of(*SLOW, *DEMO[-3:], *SLOW[-3:], real=REAL), caplog)
    assert list(found) == [10, 22]
    assert "may have collapsed" in found[22]


def test_long_epochs_are_reported_at_the_first(caplog):
    found = warnings_of(rows_of(*SLOW[3:6], real=REAL, iterations=600), caplog)
    assert list(found) == [1]


def test_equal_real_images_are_no_alarm(caplog):
    assert warnings_of(rows_of(*[1.0] * 20, real=1.0), caplog) == {}
